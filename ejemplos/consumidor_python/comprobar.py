#!/usr/bin/env python3
"""Compara lo que leyó el consumidor con la auditoría y las facturas de la API: las mismas cuentas y los mismos totales.

    python consumidor.py ... --hasta-el-final --resumen > resumen.json
    python comprobar.py http://127.0.0.1:8080 resumen.json
"""

import decimal
import json
import sys
import urllib.parse
import urllib.request

# Registros de la auditoría que no son eventos de un agregado.
APARTE = {"ComandoRechazado", "ConsultaRealizada"}


def paginas(url, ruta, **parametros):
    parametros = {**parametros, "limite": 100}
    while True:
        direccion = f"{url}{ruta}?{urllib.parse.urlencode(parametros)}"
        with urllib.request.urlopen(direccion, timeout=30) as respuesta:
            pagina = json.load(respuesta)
        yield from pagina["items"]
        if not pagina["tiene_mas"]:
            return
        parametros["despues"] = pagina["despues"]


def main():
    url, archivo = sys.argv[1].rstrip("/"), sys.argv[2]
    with open(archivo, encoding="utf-8") as abierto:
        leido = json.load(abierto)
    auditados, ids = {}, set()
    for registro in paginas(url, "/api/v1/auditoria", desde="2000-01-01T00:00:00Z", hasta="2100-01-01T00:00:00Z"):
        if registro["evento"] not in APARTE:
            auditados[registro["evento"]] = auditados.get(registro["evento"], 0) + 1
            ids.add(registro["event_id"])
    facturado, facturas = decimal.Decimal(0), 0
    for factura in paginas(url, "/api/v1/facturas"):
        if factura["numero"]:
            facturado += decimal.Decimal(factura["total"])
            facturas += 1
    fallas = []
    if leido["eventos"] != auditados or leido["repetidos"] or len(ids) != leido["total_de_eventos"]:
        fallas.append(f"eventos leídos {leido['eventos']} ({leido['repetidos']} repetidos) y auditados {auditados}")
    if decimal.Decimal(leido["facturado"]) != facturado:
        fallas.append(f"facturado leído {leido['facturado']} y en la API {facturado}")
    if leido["eventos"].get("FacturaEmitida", 0) != facturas or not facturas:
        fallas.append(f"facturas leídas {leido['eventos'].get('FacturaEmitida', 0)} y en la API {facturas}")
    if fallas:
        sys.exit("\n".join(fallas))
    print(f"{leido['total_de_eventos']} eventos y {facturas} facturas por {facturado}: lo mismo que la auditoría y la API")


if __name__ == "__main__":
    main()
