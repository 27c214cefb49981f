#!/usr/bin/env python3
"""Lee los eventos de FactuMarket conociendo sólo el broker y el registro de esquemas.

Nada de aquí viene del programa: los temas se descubren en el broker, cada registro dice con qué esquema se escribió (un byte 0 y cuatro bytes
de id) y el registro de esquemas da su texto. Con «read_committed» sólo se ve lo confirmado, una vez y en orden por partición.

    python consumidor.py --brokers 127.0.0.1:9092 --registro http://127.0.0.1:8081/apis/ccompat/v7
    python consumidor.py ... --hasta-el-final --resumen        # cuentas y totales de lo que hay, y termina
"""

import argparse
import base64
import datetime
import decimal
import io
import json
import os
import struct
import sys
import urllib.error
import urllib.request
import uuid

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

MARCO = struct.Struct(">bI")
PLAZO_SEGUNDOS = 10


class Esquemas:
    """Los esquemas del registro, por id; cada uno se pide una vez."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        self.por_id = {}

    def de(self, numero):
        if numero not in self.por_id:
            direccion = f"{self.url}/schemas/ids/{numero}"
            try:
                with urllib.request.urlopen(direccion, timeout=PLAZO_SEGUNDOS) as respuesta:
                    texto = json.load(respuesta)["schema"]
            except (urllib.error.URLError, KeyError, ValueError) as error:
                sys.exit(f"el registro de esquemas no dio el esquema {numero} ({direccion}): {error}")
            self.por_id[numero] = fastavro.parse_schema(json.loads(texto))
        return self.por_id[numero]


def descifrar(valor, esquemas):
    """Nombre del registro Avro y su contenido."""
    if len(valor) < MARCO.size:
        raise ValueError("no lleva el marco de Confluent")
    magia, numero = MARCO.unpack_from(valor)
    if magia != 0:
        raise ValueError(f"el primer byte es {magia}, no 0")
    esquema = esquemas.de(numero)
    flujo = io.BytesIO(valor[MARCO.size:])
    contenido = fastavro.schemaless_reader(flujo, esquema, None)
    if flujo.read(1):
        raise ValueError(f"sobran bytes después de {esquema['name']}")
    contenido["sobre"]["event_id"] = uuid.UUID(bytes=contenido["sobre"]["event_id"])
    return esquema["name"].rsplit(".", 1)[-1], contenido


def en_json(valor):
    """Lo que JSON no tiene: los decimales van como texto, exactos."""
    if isinstance(valor, decimal.Decimal):
        return format(valor, "f")
    if isinstance(valor, (datetime.date, datetime.datetime)):
        return valor.isoformat()
    if isinstance(valor, uuid.UUID):
        return str(valor)
    if isinstance(valor, bytes):
        return base64.b64encode(valor).decode("ascii")
    raise TypeError(f"no sé escribir {type(valor).__name__}")


class Resumen:
    """Cuentas por tipo, y los totales de lo emitido."""

    def __init__(self):
        self.eventos = {}
        self.ids = set()
        self.repetidos = 0
        self.facturado = decimal.Decimal(0)
        self.acreditado = decimal.Decimal(0)

    def sumar(self, tipo, contenido):
        self.eventos[tipo] = self.eventos.get(tipo, 0) + 1
        propio = contenido["sobre"]["event_id"]
        self.repetidos += propio in self.ids
        self.ids.add(propio)
        if tipo == "FacturaEmitida":
            self.facturado += contenido["factura"]["totales"]["total"]
        elif tipo == "NotaCreditoEmitida":
            self.acreditado += contenido["nota"]["totales"]["total"]

    def en_json(self):
        return {
            "eventos": dict(sorted(self.eventos.items())),
            "total_de_eventos": sum(self.eventos.values()),
            "repetidos": self.repetidos,
            "facturado": self.facturado,
            "acreditado": self.acreditado,
        }


def particiones(consumidor, prefijo):
    """Las de todos los temas de eventos de la instalación, desde su principio."""
    temas = consumidor.list_topics(timeout=PLAZO_SEGUNDOS).topics
    propias = [tema for nombre, tema in temas.items() if nombre.startswith(prefijo + "eventos.")]
    if not propias:
        sys.exit(f"el broker no tiene temas «{prefijo}eventos.*»: revise --brokers y --prefijo")
    return [TopicPartition(t.topic, p, OFFSET_BEGINNING) for t in propias for p in sorted(t.partitions)]


def leer(opciones):
    consumidor = Consumer({
        "bootstrap.servers": opciones.brokers,
        # Se asignan particiones a mano: el grupo sólo da nombre al cliente.
        "group.id": f"consumidor-python-{os.getpid()}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    })
    esquemas, resumen = Esquemas(opciones.registro), Resumen()
    try:
        asignadas = particiones(consumidor, opciones.prefijo)
        consumidor.assign(asignadas)
        faltan = {(p.topic, p.partition) for p in asignadas}
        while faltan or not opciones.hasta_el_final:
            mensaje = consumidor.poll(PLAZO_SEGUNDOS)
            if mensaje is None:
                continue
            lugar = (mensaje.topic(), mensaje.partition())
            if mensaje.error():
                if mensaje.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(mensaje.error())
                faltan.discard(lugar)
                continue
            try:
                tipo, contenido = descifrar(mensaje.value(), esquemas)
            except (ValueError, EOFError) as error:
                sys.exit(f"{lugar[0]}[{lugar[1]}] posición {mensaje.offset()}: {error}")
            resumen.sumar(tipo, contenido)
            if not opciones.resumen:
                linea = {"tema": lugar[0], "particion": lugar[1], "posicion": mensaje.offset(), "tipo": tipo, "evento": contenido}
                print(json.dumps(linea, ensure_ascii=False, default=en_json), flush=not opciones.hasta_el_final)
    except KafkaException as error:
        sys.exit(f"Kafka: {error}")
    finally:
        consumidor.close()
    return resumen


def main():
    partes = argparse.ArgumentParser(description="Lee los eventos de FactuMarket: una línea JSON por evento.")
    partes.add_argument("--brokers", default="127.0.0.1:9092")
    partes.add_argument("--registro", default="http://127.0.0.1:8081/apis/ccompat/v7", help="URL del registro de esquemas")
    partes.add_argument("--prefijo", default="", help="el de kafka.prefijo")
    partes.add_argument("--hasta-el-final", action="store_true", help="termina al llegar al final de cada partición")
    partes.add_argument("--resumen", action="store_true", help="no escribe eventos; al terminar, cuentas y totales")
    opciones = partes.parse_args()
    if opciones.resumen and not opciones.hasta_el_final:
        partes.error("--resumen va con --hasta-el-final")
    try:
        resumen = leer(opciones)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
    if opciones.resumen:
        print(json.dumps(resumen.en_json(), ensure_ascii=False, indent=2, default=en_json))


if __name__ == "__main__":
    main()
