//! Ids made at the edge (`dominio.md` sections 2 and 13). The same request always reaches the same ids; the deciding core makes none.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{domain::valores::Id, engine::ports::Ids};

/// UUIDv8 of the SHA-256 of the parts. Each part is preceded by its length, so that different parts never hash alike.
pub fn uuid_v8(partes: &[&str]) -> Uuid {
    let mut huella = Sha256::new();
    for parte in partes {
        huella.update((parte.len() as u64).to_be_bytes());
        huella.update(parte.as_bytes());
    }
    let digest = huella.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The command id of an `Idempotency-Key`: the key itself when it is a valid id, else the UUIDv8 of its hash.
pub fn comando_de_clave(clave: &str) -> Id {
    Id::new(clave).unwrap_or_else(|_| de_uuid(uuid_v8(&["clave", clave])))
}

/// The command id when only a correlation id is given: derived from it, the command's type and the aggregate.
pub fn comando_de_correlacion(correlation_id: &str, tipo_comando: &str, agregado: &str) -> Id {
    de_uuid(uuid_v8(&["correlacion", correlation_id, tipo_comando, agregado]))
}

/// The id of a command that another one implies (the second half of a PUT that sends two).
pub fn comando_derivado(command_id: &Id, paso: &str) -> Id {
    de_uuid(uuid_v8(&["derivado", command_id.as_str(), paso]))
}

/// The id of the invoice of a channel's order: importing an order twice reaches the same invoice.
pub fn documento_de_pedido(canal: &str, pedido_id: &str) -> Id {
    de_uuid(uuid_v8(&["pedido", canal, pedido_id]))
}

/// A UUID as an id of the domain: 36 characters, always valid.
pub fn de_uuid(uuid: Uuid) -> Id {
    let mut espacio = Uuid::encode_buffer();
    Id::compuesto(&[uuid.hyphenated().encode_lower(&mut espacio)])
}

/// Where a request's ids come from.
#[derive(Clone, Copy)]
pub struct OrigenIds<'a> {
    pub usuario: Option<&'a str>,
    /// `Idempotency-Key`, or else the correlation id, when the caller gave one.
    pub clave: Option<&'a str>,
    pub ids: &'a dyn Ids,
}

impl OrigenIds<'_> {
    /// The id of a document the caller did not name: UUIDv8 of (usuario, key or correlation id, command type), so that a repeated call
    /// reaches the same aggregate; UUIDv7 when the caller gave neither.
    pub fn documento(&self, tipo_comando: &str) -> Id {
        match self.clave {
            Some(clave) => de_uuid(uuid_v8(&["documento", self.usuario.unwrap_or_default(), clave, tipo_comando])),
            None => de_uuid(self.ids.uuid_v7()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ports::SystemIds;

    #[test]
    fn uuid_v8_es_estable_y_lleva_su_version() {
        let uuid = uuid_v8(&["a", "b"]);
        assert_eq!(uuid, uuid_v8(&["a", "b"]));
        assert_eq!(uuid.get_version_num(), 8);
        assert_ne!(uuid, uuid_v8(&["ab", ""]), "las partes no se confunden");
    }

    #[test]
    fn una_clave_que_es_id_se_usa_tal_cual() {
        assert_eq!(comando_de_clave("pedido-77").as_str(), "pedido-77");
        let larga = "x".repeat(200);
        assert_eq!(comando_de_clave(&larga), comando_de_clave(&larga));
        assert!(Id::new(comando_de_clave("con espacios y ñ").as_str()).is_ok());
    }

    #[test]
    fn sin_clave_cada_documento_es_nuevo_y_con_clave_es_el_mismo() {
        let ids = SystemIds;
        let sin = OrigenIds { usuario: None, clave: None, ids: &ids };
        assert_ne!(sin.documento("CrearCliente"), sin.documento("CrearCliente"));
        let con = OrigenIds { usuario: None, clave: Some("k"), ids: &ids };
        assert_eq!(con.documento("CrearCliente"), con.documento("CrearCliente"));
        assert_ne!(con.documento("CrearCliente"), con.documento("CrearProducto"));
        let otro = OrigenIds { usuario: Some("ana"), clave: Some("k"), ids: &ids };
        assert_ne!(con.documento("CrearCliente"), otro.documento("CrearCliente"));
    }
}
