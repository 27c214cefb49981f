# Lo que se repite, con nombre. `make` solo muestra esta lista.
.PHONY: ayuda prueba ci demo banco noche

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

# Lo largo: las entradas hostiles con guía de cobertura, 10 minutos cada objetivo (SEGUNDOS=60 make noche, más corto).
noche:
	bash .ci/fuzz $${SEGUNDOS:-600}
