//! Enumerations: a symbol is the domain's own name for the value (`tests` hold the schemas to it).

use super::{Reader, Wire, Writer, macros::wire_enum};
use crate::{
    contracts::{CodecError, EtapaDlq},
    domain::{
        TipoAgregado,
        catalogo::{cliente::EstadoFiscal, descuento::AmbitoDescuento},
        facturacion::{
            factura::{EstadoDian, EstadoFactura, FaseEmision, FormaPagoTipo, Paso},
            nota_credito::{ConceptoNota, EstadoNota},
        },
        inventario::{MotivoEntrada, MotivoSalida, PoliticaRetorno},
        numeracion::TipoDocumento,
        valores::TipoIdentificacion,
    },
    log::{Topic, TopicPartition},
};

wire_enum!(TipoAgregado, "tipo de agregado":
    Cliente = 0, Producto = 1, Sucursal = 2, Bodega = 3, Inventario = 4, RangoNumeracion = 5, Factura = 6, Descuento = 7,
    NotaCredito = 8);
wire_enum!(AmbitoDescuento, "ámbito de descuento": Linea = 0, Documento = 1);
wire_enum!(EstadoFiscal, "estado fiscal": Activo = 0, Suspendido = 1, Cancelado = 2);
wire_enum!(TipoIdentificacion, "tipo de identificación":
    Nit = 0, Ruc = 1, CedulaCo = 2, CedulaEc = 3, Pasaporte = 4, ConsumidorFinal = 5, SinTipo = 6);
wire_enum!(MotivoEntrada, "motivo de entrada": Compra = 0, Inicial = 1, Ajuste = 2, DevolucionCliente = 3, Anulacion = 4);
wire_enum!(MotivoSalida, "motivo de salida": Venta = 0, Ajuste = 1, DevolucionProveedor = 2);
wire_enum!(TipoDocumento, "tipo de documento": Factura = 0, NotaCredito = 1);
wire_enum!(FormaPagoTipo, "forma de pago": Contado = 0, Credito = 1);
wire_enum!(Paso, "paso de la saga": Reservar = 0, Numerar = 1, Confirmar = 2, Liberar = 3, Acreditar = 4, Verificar = 5,
    Devolver = 6, Aplicar = 7);
wire_enum!(EstadoFactura, "estado de factura":
    Borrador = 0, EnEmision = 1, Emitida = 2, Rechazada = 3, Descartada = 4, EnAnulacion = 5, Anulada = 6);
wire_enum!(EstadoNota, "estado de nota": Borrador = 0, EnEmision = 1, Emitida = 2, Rechazada = 3);
wire_enum!(ConceptoNota, "concepto de nota": DevolucionParcial = 0, Anulacion = 1, Descuento = 2, AjustePrecio = 3, Otro = 4);
wire_enum!(EstadoDian, "estado ante la DIAN": Enviada = 0, Aceptada = 1, Rechazada = 2);
wire_enum!(PoliticaRetorno, "política de retorno": LoteNuevo = 0, ReversaFifo = 1);
wire_enum!(FaseEmision, "fase de la emisión": Reservando = 0, Numerando = 1, Confirmando = 2);
wire_enum!(EtapaDlq, "etapa": Decodificar = 0, Validar = 1, Decidir = 2, Confirmar = 3, Proyectar = 4);

/// Enumeration `Tema`: the topics by their codes. No record tells of the topic of the keys, which is not of the contract.
impl Wire for Topic {
    #[inline]
    fn write(&self, w: &mut Writer) {
        if *self == Self::Claves {
            return w.fail(CodecError::NotOnWire("el tema de las claves"));
        }
        w.long(i64::from(self.codigo()));
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let code = r.long()?;
        u16::try_from(code)
            .ok()
            .and_then(Self::de_codigo)
            .filter(|topic| *topic != Self::Claves)
            .ok_or_else(|| CodecError::OutOfDomain { what: "tema", value: code.to_string() })
    }
}

super::macros::wire_record!(TopicPartition { topic, partition });
