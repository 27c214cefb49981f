//! The table of settings.

/// Type of a setting, with its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tipo {
    /// Text of `min` to `max` characters.
    Texto {
        min: usize,
        max: usize,
    },
    /// Whole number, both ends inclusive.
    Entero {
        min: i64,
        max: i64,
    },
    /// As `Entero`; `ninguno` (or an empty text) switches the limit off.
    EnteroOpcional {
        min: i64,
        max: i64,
    },
    Booleano,
    /// One of a few words.
    Opcion(&'static [&'static str]),
    /// `IP:puerto`.
    Direccion,
    /// Path of the file system.
    Ruta,
}

impl Tipo {
    /// What a value may be, in words: for errors and documentation.
    pub fn permitido(self) -> String {
        match self {
            Self::Texto { min, max } => format!("texto de {min} a {max} caracteres"),
            Self::Entero { min, max } => format!("número entero de {min} a {max}"),
            Self::EnteroOpcional { min, max } => format!("número entero de {min} a {max}, o «ninguno»"),
            Self::Booleano => "true o false".to_owned(),
            Self::Opcion(opciones) => format!("una de: {}", opciones.join(", ")),
            Self::Direccion => "dirección IP y puerto, por ejemplo 127.0.0.1:8080".to_owned(),
            Self::Ruta => "ruta de una carpeta o archivo".to_owned(),
        }
    }

    /// Short name, for `config ver --json` and the guide.
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Texto { .. } => "texto",
            Self::Entero { .. } => "entero",
            Self::EnteroOpcional { .. } => "entero opcional",
            Self::Booleano => "booleano",
            Self::Opcion(_) => "opción",
            Self::Direccion => "dirección",
            Self::Ruta => "ruta",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Ajuste {
    /// `seccion.clave`.
    pub nombre: &'static str,
    pub tipo: Tipo,
    /// As it would be written in the environment.
    pub defecto: &'static str,
    /// One sentence, in Spanish, with the unit.
    pub doc: &'static str,
}

impl Ajuste {
    pub fn seccion(&self) -> &'static str {
        self.nombre.split_once('.').map_or(self.nombre, |(seccion, _)| seccion)
    }

    pub fn clave(&self) -> &'static str {
        self.nombre.split_once('.').map_or("", |(_, clave)| clave)
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("{}{}__{}", super::PREFIJO_ENTORNO, self.seccion().to_uppercase(), self.clave().to_uppercase())
    }
}

/// The setting of that name.
pub fn buscar(nombre: &str) -> Option<&'static Ajuste> {
    AJUSTES.iter().find(|a| a.nombre == nombre)
}

const fn ajuste(nombre: &'static str, tipo: Tipo, defecto: &'static str, doc: &'static str) -> Ajuste {
    Ajuste { nombre, tipo, defecto, doc }
}

const fn entero(nombre: &'static str, min: i64, max: i64, defecto: &'static str, doc: &'static str) -> Ajuste {
    ajuste(nombre, Tipo::Entero { min, max }, defecto, doc)
}

/// Every setting, by section.
pub const AJUSTES: &[Ajuste] = &[
    ajuste("servidor.direccion", Tipo::Direccion, "127.0.0.1:8080", "Dirección y puerto donde atiende la API."),
    entero("servidor.max_cuerpo_bytes", 1_024, 16_777_216, "1048576", "Tamaño máximo del cuerpo de una petición, en bytes."),
    entero("servidor.max_peticiones", 1, 100_000, "1024", "Peticiones atendidas a la vez; las demás reciben 503 con Retry-After."),
    entero("servidor.plazo_peticion_segundos", 1, 300, "35", "Tiempo máximo de una petición, en segundos."),
    ajuste("datos.carpeta", Tipo::Ruta, "datos", "Carpeta del registro, del estado y de las tablas."),
    ajuste("emisor.regimen", Tipo::Opcion(&["CO", "EC"]), "CO", "Régimen: CO (Colombia, COP) o EC (Ecuador, USD)."),
    ajuste("emisor.nombre", Tipo::Texto { min: 0, max: 300 }, "", "Razón social del emisor; vacío toma la de ejemplo."),
    ajuste(
        "emisor.identificacion",
        Tipo::Texto { min: 0, max: 20 },
        "",
        "NIT (CO) o RUC (EC) del emisor, con su dígito de verificación; vacío toma el de ejemplo.",
    ),
    entero("emisor.plazo_emision_segundos", 1, 600, "30", "Plazo para reservar las existencias de una factura, en segundos."),
    ajuste("emisor.vender_vencidos", Tipo::Booleano, "false", "Permite vender lotes con la fecha de caducidad pasada."),
    ajuste("emisor.verificar_digito_ruc", Tipo::Booleano, "false", "Verifica el módulo 11 de los RUC públicos y jurídicos."),
    ajuste(
        "emisor.max_dias_futuro",
        Tipo::EnteroOpcional { min: 0, max: 3_650 },
        "ninguno",
        "Días que la fecha de emisión puede adelantarse a hoy.",
    ),
    ajuste("emisor.nota_credito_mismo_dia", Tipo::Booleano, "false", "Permite notas de crédito del mismo día de su factura."),
    ajuste(
        "emisor.plazo_nota_credito_dias",
        Tipo::EnteroOpcional { min: 0, max: 3_650 },
        "30",
        "Días que una nota de crédito puede tardar desde su factura; «ninguno» no los limita.",
    ),
    entero("emisor.plazo_anulacion_dias", 0, 365, "1", "Días desde su emisión en que una factura se puede anular."),
    ajuste(
        "emisor.limite_credito",
        Tipo::EnteroOpcional { min: 0, max: 999_999_999_999_999 },
        "ninguno",
        "Lo que una factura puede dejar a CREDITO como máximo, en unidades de la moneda.",
    ),
    ajuste(
        "emisor.impuestos",
        Tipo::Texto { min: 0, max: 4_000 },
        "",
        "Catálogo de impuestos, en lugar del del régimen: «CODIGO TARIFA DESDE[..HASTA]; …»; vacío toma el del régimen.",
    ),
    ajuste(
        "emisor.redondeo",
        Tipo::Opcion(&["regimen", "mitad_par", "mitad_arriba"]),
        "regimen",
        "Modo de redondeo; «regimen» toma el del régimen (CO mitad al par, EC mitad hacia arriba).",
    ),
    ajuste("emisor.nivel_redondeo", Tipo::Opcion(&["linea", "documento"]), "linea", "Redondea cada línea o una vez el documento."),
    entero("emisor.decimales", 0, 2, "2", "Decimales de los importes del documento."),
    entero("motor.epoca_max_registros", 1, 65_536, "512", "Entradas que una época (transacción) reúne como máximo."),
    entero("motor.epoca_max_bytes", 4_096, 67_108_864, "4194304", "Bytes de entrada de una época como máximo."),
    entero("motor.memoria_mb", 16, 65_536, "256", "Memoria para agregados activos, en MiB; los demás esperan en disco."),
    entero("motor.instantanea_cada", 1, 1_000_000, "10", "Eventos de un agregado entre una instantánea y la siguiente."),
    entero("motor.max_en_curso", 1, 1_000_000, "8192", "Comandos sin respuesta a la vez; los demás reciben 429 con Retry-After."),
    ajuste(
        "motor.nodo",
        Tipo::Texto { min: 1, max: 60 },
        "nodo-1",
        "Nombre de este nodo: su lugar en el grupo y sus transacciones. Dos procesos nunca lo comparten.",
    ),
    entero("motor.particiones", 1, 128, "12", "Particiones de cada tema; se fija al crear la carpeta de datos."),
    ajuste("proyecciones.activas", Tipo::Booleano, "true", "Alimenta las tablas de consulta y la auditoría."),
    entero("proyecciones.hilos", 1, 64, "1", "Hilos que alimentan las proyecciones."),
    ajuste(
        "auditoria.consultas",
        Tipo::Opcion(&["todas", "muestra", "ninguna"]),
        "todas",
        "Qué consultas de la API se anotan en la auditoría; «muestra» es una de cada cien.",
    ),
    ajuste(
        "auditoria.sellar",
        Tipo::Booleano,
        "true",
        "Encadena y sella la auditoría en el proceso que alimenta las proyecciones.",
    ),
    ajuste(
        "auditoria.clave_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo de la clave que firma los sellos («factumarket auditoria clave crear»); nunca va en la configuración. Vacío crea y usa la de la carpeta de \
         datos si el registro está en ella, y en Kafka no firma.",
    ),
    ajuste(
        "auditoria.publicas_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo de las claves públicas en que se confía, la más vieja primero; vacío es el de la clave, con .pub al final.",
    ),
    entero(
        "auditoria.hojas_por_sello",
        1,
        1_000_000,
        "1000",
        "Registros de una partición entre un sello y el siguiente, como máximo.",
    ),
    entero("auditoria.segundos_por_sello", 1, 86_400, "60", "Segundos que un registro espera su sello, como máximo."),
    ajuste(
        "datos_personales.cifrar",
        Tipo::Booleano,
        "false",
        "Los datos de los clientes van cifrados en eventos e instantáneas, con una clave de cada cliente que se puede destruir.",
    ),
    ajuste(
        "datos_personales.clave_maestra_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo de la clave que envuelve las de los clientes: 32 bytes en base64; nunca va en la configuración. Vacío crea y usa la de la carpeta de datos; con el registro en Kafka hace falta, la misma en todos los procesos.",
    ),
    entero(
        "datos_personales.conservar_anos",
        5,
        100,
        "10",
        "Años enteros que se conservan los datos del cliente en sus documentos, desde el 1 de enero siguiente; la ley de comercio pide 10.",
    ),
    ajuste(
        "registro.tipo",
        Tipo::Opcion(&["embebido", "kafka"]),
        "embebido",
        "Dónde está el registro: en la carpeta de datos, o en Apache Kafka (sección [kafka]).",
    ),
    entero("registro.retencion_comandos_horas", 1, 87_600, "168", "Horas que se guardan los comandos ya procesados."),
    entero("registro.retencion_respuestas_minutos", 1, 10_080, "60", "Minutos que se guardan las respuestas."),
    entero("registro.cache_mb", 8, 65_536, "64", "Memoria de lectura del almacén del registro, en MiB."),
    ajuste(
        "tablas.tipo",
        Tipo::Opcion(&["carpeta", "cql"]),
        "carpeta",
        "Dónde están las tablas de consulta: en la carpeta de datos, o en ScyllaDB o Apache Cassandra (los demás ajustes de [tablas]).",
    ),
    ajuste(
        "tablas.nodos",
        Tipo::Texto { min: 1, max: 2_000 },
        "127.0.0.1:9042",
        "Algunos nodos de la base, host:puerto, separados por comas.",
    ),
    ajuste("tablas.espacio", Tipo::Texto { min: 1, max: 48 }, "factumarket", "Keyspace de las tablas: minúsculas, cifras y «_»."),
    entero("tablas.replicas", 1, 9, "1", "Copias de cada fila, al crear el keyspace."),
    ajuste(
        "tablas.consistencia",
        Tipo::Opcion(&["uno", "quorum_local", "quorum"]),
        "quorum_local",
        "Copias que deben responder a una lectura o una escritura. Con «uno» y varias copias, una consulta puede no ver lo último.",
    ),
    ajuste(
        "tablas.crear",
        Tipo::Booleano,
        "true",
        "Crea al iniciar el keyspace y las tablas que falten; si no, «factumarket tablas aplicar».",
    ),
    ajuste("tablas.usuario", Tipo::Texto { min: 0, max: 200 }, "", "Usuario de la base; vacío entra sin él."),
    ajuste(
        "tablas.contrasena_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo con la contraseña de la base; nunca va en la configuración.",
    ),
    ajuste("tablas.tls", Tipo::Booleano, "false", "Habla con la base por TLS, y comprueba su certificado y el nombre que lleva."),
    ajuste(
        "tablas.ca_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Certificados PEM en que se confía para la base; vacío usa los del sistema.",
    ),
    ajuste(
        "tablas.nombres_tls",
        Tipo::Texto { min: 0, max: 2_000 },
        "",
        "Nombres que puede llevar el certificado de un nodo en lugar de su dirección IP, separados por comas.",
    ),
    ajuste(
        "tablas.certificado_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Certificado PEM de este cliente, si la base lo pide.",
    ),
    ajuste(
        "tablas.clave_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Clave privada PEM de este cliente, si la base lo pide.",
    ),
    entero("tablas.plazo_ms", 100, 120_000, "10000", "Espera máxima de cada petición a la base, en milisegundos."),
    entero(
        "tablas.relevo_ms",
        1_000,
        300_000,
        "10000",
        "Silencio tras el cual otro proceso alimenta las tablas en lugar del que lo hacía, en milisegundos.",
    ),
    entero("tablas.en_vuelo", 1, 10_000, "128", "Peticiones a la base que pueden estar en vuelo a la vez."),
    ajuste("kafka.brokers", Tipo::Texto { min: 1, max: 2_000 }, "127.0.0.1:9092", "Brokers, host:puerto, separados por comas."),
    ajuste(
        "kafka.prefijo",
        Tipo::Texto { min: 0, max: 60 },
        "",
        "Se antepone a temas, grupos y transacciones: varias instalaciones en un mismo Kafka.",
    ),
    entero(
        "kafka.particiones_respuestas",
        1,
        128,
        "4",
        "Particiones del tema respuestas: una por proceso que atiende la API, como mínimo.",
    ),
    entero("kafka.replicas", 1, 9, "3", "Copias de cada partición."),
    entero("kafka.min_en_sincronia", 1, 9, "2", "Copias que deben tener un registro antes de responder; a lo sumo kafka.replicas."),
    ajuste(
        "kafka.topologia",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo TOML en lugar de la topología del programa; vacío usa la suya.",
    ),
    entero(
        "kafka.sesion_ms",
        1_000,
        300_000,
        "10000",
        "Silencio tras el cual las particiones de un nodo pasan a otros, en milisegundos.",
    ),
    entero(
        "kafka.transaccion_ms",
        1_000,
        900_000,
        "10000",
        "Edad a la que el broker aborta una transacción que nadie termina, en milisegundos.",
    ),
    ajuste(
        "kafka.seguridad",
        Tipo::Opcion(&["ninguna", "tls", "sasl", "sasl_tls"]),
        "ninguna",
        "Conexión con los brokers: sin protección, TLS, SASL, o SASL sobre TLS.",
    ),
    ajuste(
        "kafka.ca_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Certificados PEM en que se confía; vacío usa los del sistema.",
    ),
    ajuste("kafka.certificado_archivo", Tipo::Texto { min: 0, max: 1_000 }, "", "Certificado PEM de este cliente, para mTLS."),
    ajuste("kafka.clave_archivo", Tipo::Texto { min: 0, max: 1_000 }, "", "Clave privada PEM de este cliente, para mTLS."),
    ajuste("kafka.mecanismo", Tipo::Opcion(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]), "SCRAM-SHA-512", "Mecanismo de SASL."),
    ajuste("kafka.usuario", Tipo::Texto { min: 0, max: 200 }, "", "Usuario de SASL."),
    ajuste(
        "kafka.contrasena_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo con la contraseña de SASL; nunca va en la configuración.",
    ),
    ajuste(
        "kafka.ajustes",
        Tipo::Texto { min: 0, max: 4_000 },
        "",
        "Otros ajustes de librdkafka, clave=valor separados por «;». Ganan a los demás.",
    ),
    ajuste(
        "esquemas.url",
        Tipo::Texto { min: 1, max: 2_000 },
        "http://127.0.0.1:8081/apis/ccompat/v7",
        "Registro de esquemas (protocolo de Confluent) de una instalación de Kafka; varias direcciones, separadas por comas. \
         «ninguno» deja los ids en la carpeta de datos: nadie más lee los eventos.",
    ),
    ajuste("esquemas.usuario", Tipo::Texto { min: 0, max: 200 }, "", "Usuario del registro de esquemas; vacío entra sin él."),
    ajuste(
        "esquemas.contrasena_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Archivo con la contraseña del registro de esquemas; nunca va en la configuración.",
    ),
    ajuste(
        "esquemas.ca_archivo",
        Tipo::Texto { min: 0, max: 1_000 },
        "",
        "Certificados PEM en que se confía para el registro de esquemas, además de los del sistema.",
    ),
    entero("esquemas.plazo_ms", 100, 60_000, "5000", "Espera de una respuesta del registro de esquemas, en milisegundos."),
    ajuste(
        "bitacora.nivel",
        Tipo::Opcion(&["error", "aviso", "info", "depuracion", "traza"]),
        "aviso",
        "Detalle de la bitácora, que sale por la salida de errores.",
    ),
    ajuste("bitacora.formato", Tipo::Opcion(&["texto", "json"]), "texto", "Formato de la bitácora."),
];
