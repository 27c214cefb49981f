//! Catalogue and stock of the example shop.

use serde_json::{Value, json};

/// Id, name, city.
pub const BODEGAS: [(&str, &str, &str); 3] = [
    ("BOGOTA", "Centro de distribución Fontibón", "Bogotá"),
    ("MEDELLIN", "Bodega Guayabal", "Medellín"),
    ("CALI", "Bodega Acopi", "Cali"),
];

/// A product for sale: prices in whole hundreds of pesos, so that every tax is exact to the peso.
#[derive(Debug, Clone, Copy)]
pub struct ProductoEjemplo {
    pub id: &'static str,
    pub nombre: &'static str,
    pub unidad: &'static str,
    pub precio: u32,
    pub costo: u32,
    /// Tax code and whole percentage; `None` is excluded.
    pub impuesto: Option<(&'static str, u32)>,
}

const fn p(
    id: &'static str,
    nombre: &'static str,
    unidad: &'static str,
    precio: u32,
    costo: u32,
    impuesto: Option<(&'static str, u32)>,
) -> ProductoEjemplo {
    ProductoEjemplo { id, nombre, unidad, precio, costo, impuesto }
}

const IVA19: Option<(&str, u32)> = Some(("IVA", 19));
const IVA5: Option<(&str, u32)> = Some(("IVA", 5));
const IVA0: Option<(&str, u32)> = Some(("IVA", 0));
const INC8: Option<(&str, u32)> = Some(("INC", 8));

pub const PRODUCTOS: [ProductoEjemplo; 40] = [
    p("CAFE-500", "Café de Huila tostado 500 g", "UND", 28_900, 17_400, IVA5),
    p("PANELA-1000", "Panela pulverizada 1 kg", "UND", 9_800, 5_900, IVA0),
    p("CHOCOLATE-250", "Chocolate de mesa 250 g", "UND", 8_700, 5_100, IVA5),
    p("ARROZ-5000", "Arroz blanco 5 kg", "UND", 21_500, 15_800, None),
    p("ACEITE-3000", "Aceite de girasol 3 L", "UND", 39_900, 28_300, IVA19),
    p("MIEL-500", "Miel de abejas del Tolima 500 g", "UND", 26_400, 15_700, IVA19),
    p("AGUARDIENTE-750", "Aguardiente antioqueño 750 ml", "UND", 54_900, 36_200, IVA5),
    p("AREPAS-10", "Arepas de maíz x 10", "UND", 7_200, 4_300, None),
    p("QUESO-500", "Queso campesino 500 g", "UND", 14_600, 9_800, IVA0),
    p("BOCADILLO-18", "Bocadillo veleño x 18", "UND", 12_300, 7_400, IVA19),
    p("HAMACA-DOBLE", "Hamaca doble de San Jacinto", "UND", 289_000, 168_000, IVA19),
    p("SOMBRERO-VUELTIAO", "Sombrero vueltiao 19 vueltas", "UND", 320_000, 198_000, IVA19),
    p("MOCHILA-ARHUACA", "Mochila arhuaca mediana", "UND", 245_000, 151_000, IVA19),
    p("RUANA-LANA", "Ruana de lana virgen de Nobsa", "UND", 178_000, 104_000, IVA19),
    p("BALON-MICRO", "Balón de microfútbol n.º 4", "UND", 64_900, 38_500, IVA19),
    p("BICICLETA-29", "Bicicleta todoterreno rin 29", "UND", 1_490_000, 1_015_000, IVA19),
    p("CASCO-CICLISMO", "Casco de ciclismo talla M", "UND", 119_900, 71_200, IVA19),
    p("TENIS-42", "Tenis deportivos talla 42", "PAR", 219_900, 127_400, IVA19),
    p("CAMISETA-SEL", "Camiseta de la selección", "UND", 139_900, 78_900, IVA19),
    p("JEAN-32", "Jean clásico talla 32", "UND", 109_900, 61_300, IVA19),
    p("CUADERNO-100", "Cuaderno cosido 100 hojas", "UND", 6_400, 3_500, IVA19),
    p("RESMA-CARTA", "Resma papel carta 75 g", "UND", 22_900, 16_100, IVA19),
    p("TONER-85A", "Tóner compatible 85A", "UND", 68_500, 39_700, IVA19),
    p("SILLA-ERGO", "Silla ergonómica de oficina", "UND", 489_000, 312_000, IVA19),
    p("ESCRITORIO-120", "Escritorio 120 x 60 cm", "UND", 359_000, 227_000, IVA19),
    p("PORTATIL-14", "Portátil 14 pulgadas 16 GB", "UND", 2_890_000, 2_340_000, IVA19),
    p("MONITOR-24", "Monitor 24 pulgadas IPS", "UND", 629_000, 451_000, IVA19),
    p("TECLADO-ESP", "Teclado en español", "UND", 84_900, 46_800, IVA19),
    p("MOUSE-INAL", "Mouse inalámbrico", "UND", 49_900, 26_700, IVA19),
    p("AUDIFONOS-BT", "Audífonos inalámbricos", "UND", 129_900, 74_600, IVA19),
    p("BOMBILLO-LED-9", "Bombillo LED 9 W", "UND", 7_900, 4_100, IVA19),
    p("TALADRO-13", "Taladro percutor 13 mm", "UND", 259_900, 164_000, IVA19),
    p("PINTURA-GALON", "Pintura vinilo tipo 1, galón", "GAL", 79_900, 51_200, IVA19),
    p("CEMENTO-50", "Cemento gris 50 kg", "UND", 34_500, 26_900, IVA19),
    p("VARILLA-12", "Varilla corrugada 1/2 x 6 m", "UND", 31_200, 24_300, IVA19),
    p("CABLE-12AWG", "Cable de cobre 12 AWG, metro", "MTR", 4_600, 3_100, IVA19),
    p("FERTILIZANTE-25", "Fertilizante 15-15-15, 25 kg", "UND", 98_700, 74_500, None),
    p("CONCENTRADO-40", "Concentrado para gallinas 40 kg", "UND", 104_500, 82_300, IVA5),
    p("ALMUERZO-EJEC", "Almuerzo ejecutivo empacado", "UND", 19_500, 11_200, INC8),
    p("LIBRO-CIEN", "Cien años de soledad, edición rústica", "UND", 59_900, 37_800, IVA0),
];

const EMPRESAS: [&str; 20] = [
    "Ferretería El Tornillo",
    "Supermercado La Cosecha",
    "Papelería Estudiantil",
    "Distribuciones del Valle",
    "Café y Letras",
    "Almacén Sogamoso",
    "Restaurante Doña Gloria",
    "Agropecuaria El Llano",
    "Tecnología Andina",
    "Deportes La Cancha",
    "Miscelánea Los Pinos",
    "Hotel Plaza Mayor",
    "Colegio San Bartolo",
    "Clínica del Norte",
    "Constructora Horizonte",
    "Textiles Fabricato",
    "Droguería Central",
    "Panadería El Trigal",
    "Transportes Rápido",
    "Comercial Santander",
];
const NOMBRES: [&str; 20] = [
    "María",
    "José",
    "Luz Marina",
    "Carlos",
    "Ana Milena",
    "Juan David",
    "Gloria",
    "Andrés",
    "Paola",
    "Jorge",
    "Sandra",
    "Óscar",
    "Diana",
    "Hernán",
    "Natalia",
    "Wilson",
    "Yolanda",
    "Iván",
    "Ángela",
    "Fabián",
];
const APELLIDOS: [&str; 20] = [
    "Rodríguez",
    "Gómez",
    "Muñoz",
    "Ospina",
    "Restrepo",
    "Peña",
    "Quiñones",
    "Vargas",
    "Cárdenas",
    "Hoyos",
    "Ibáñez",
    "Salazar",
    "Mejía",
    "Ríos",
    "Castaño",
    "Zapata",
    "Beltrán",
    "Acuña",
    "Londoño",
    "Suárez",
];
const CIUDADES: [(&str, &str); 8] = [
    ("Bogotá", "Bogotá D.C."),
    ("Medellín", "Antioquia"),
    ("Cali", "Valle del Cauca"),
    ("Barranquilla", "Atlántico"),
    ("Bucaramanga", "Santander"),
    ("Pereira", "Risaralda"),
    ("Ibagué", "Tolima"),
    ("Pasto", "Nariño"),
];

/// Body of the POST of bodega `i` (0 to 2).
pub fn bodega(i: usize) -> Value {
    let (id, nombre, ciudad) = BODEGAS[i % BODEGAS.len()];
    json!({
        "id": id,
        "sucursal_id": "PRINCIPAL",
        "nombre": nombre,
        "direccion": { "linea": format!("Carrera {} # 12-30", 60 + i), "ciudad": ciudad, "pais": "CO" },
    })
}

/// Body of the POST of product `i` (0 to 39).
pub fn producto(i: usize) -> Value {
    let p = &PRODUCTOS[i % PRODUCTOS.len()];
    json!({
        "id": p.id,
        "codigo": p.id,
        "nombre": p.nombre,
        "unidad": p.unidad,
        "precio": p.precio.to_string(),
        "impuesto": p.impuesto.map(|(codigo, tarifa)| json!({ "codigo": codigo, "tarifa": tarifa.to_string() })),
        "controla_inventario": true,
    })
}

/// Body of the POST of client `i`, from 0 on: two in five are companies with a NIT, the others people with a cédula.
pub fn cliente(i: usize) -> Value {
    let (ciudad, departamento) = CIUDADES[i % CIUDADES.len()];
    let (tipo, identificacion, nombre) = if i % 5 < 2 {
        let numero = 800_100_000 + (i as u64) * 7_919;
        ("NIT", format!("{numero}-{}", digito_nit(numero)), format!("{} {} S.A.S.", EMPRESAS[i % 20], APELLIDOS[(i / 20 + i) % 20]))
    } else {
        let nombre = format!("{} {} {}", NOMBRES[i % 20], APELLIDOS[(i * 7 + 3) % 20], APELLIDOS[(i * 3 + i / 20) % 20]);
        ("CEDULA_CO", (1_010_200_000 + (i as u64) * 104_729).to_string(), nombre)
    };
    json!({
        "id": format!("C{:04}", i + 1),
        "nombre": nombre,
        "tipo_identificacion": tipo,
        "identificacion": identificacion,
        "correo": format!("compras{:04}@ejemplo.com.co", i + 1),
        "direccion": {
            "linea": format!("Calle {} # {}-{:02}", 10 + i % 140, 5 + i % 60, 10 + i % 80),
            "ciudad": ciudad,
            "region": departamento,
            "pais": "CO",
        },
    })
}

/// A stock entry, with what names it beside its body: product `i` into bodega `j`, its lot number `lote` from 1.
/// Later lots are newer and a little dearer, so that FIFO shows.
pub fn entrada(i: usize, j: usize, lote: usize, cantidad: u32) -> Value {
    let p = &PRODUCTOS[i % PRODUCTOS.len()];
    let bodega = BODEGAS[j % BODEGAS.len()].0;
    let costo = p.costo + p.costo / 50 * u32::try_from(lote.saturating_sub(1)).unwrap_or(0);
    json!({
        "producto_id": p.id,
        "bodega_id": bodega,
        "movimiento_id": format!("EJ-{}-{bodega}-{lote}", p.id),
        "motivo": if lote == 1 { "INICIAL" } else { "COMPRA" },
        "cantidad": cantidad.to_string(),
        "costo_unitario": costo.to_string(),
        "fecha_ingreso": format!("2026-{:02}-{:02}", 1 + lote % 9, 1 + (i + j) % 28),
    })
}

/// Check digit of a NIT: weights from the right, modulo 11.
fn digito_nit(numero: u64) -> u64 {
    const PESOS: [u64; 9] = [3, 7, 13, 17, 19, 23, 29, 37, 41];
    let mut resto = numero;
    let suma: u64 = PESOS
        .iter()
        .map(|peso| {
            let digito = resto % 10;
            resto /= 10;
            digito * peso
        })
        .sum();
    match suma % 11 {
        resultado @ (0 | 1) => resultado,
        resultado => 11 - resultado,
    }
}
