# Lo que se repite, con nombre. `make` solo muestra esta lista.
.PHONY: ayuda prueba ci demo banco noche fallas

ayuda:
	@grep -E '^[a-z]+:' Makefile | cut -d: -f1 | sort

prueba:
	cargo test

ci:
	bash .ci/run

demo:
	cargo run --release -- demo

banco:
	cargo run --release -- banco --facturas 100000 --lineas 3..3

# Lo largo: 100.000 comandos al azar contra el modelo secuencial, las entradas hostiles con guía de cobertura, 10 minutos cada objetivo, y
# un millón de semillas del simulador (SEGUNDOS=60 SEMILLAS=10000 make noche, más corto).
noche:
	AZAR_COMANDOS=100000 cargo test --locked --release --lib azar
	bash .ci/fuzz $${SEGUNDOS:-600}
	$(MAKE) fallas
	cargo run --release -- sim --cantidad $${SEMILLAS:-1000000} --hilos $$(nproc) --anotar tests/semillas.txt

# Nodos, broker, registro de esquemas y red rotos una y otra vez, media hora, con procesos de verdad.
fallas:
	FALLAS_SEGUNDOS=$${FALLAS_SEGUNDOS:-1800} FALLAS_SEMILLA=$${FALLAS_SEMILLA:-1} cargo test --release --features kafka --test fallas -- --nocapture
