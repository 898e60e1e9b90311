# The face of the project. Each target is a thin call: the work is in cargo and in the scripts named here.
CARGO ?= cargo

.PHONY: build policies run test fuzz bench bench-distance bench-failover bench-instructions bench-translation lint clean

# Two invocations: in one, Cargo would unite their features, and the sidecar would have the tool's compiler.
build: policies ## target/release/outrigger, outrigger-tool beside it, target/policies/NAME.wasm, and their functions as native code
	$(CARGO) build --release --locked -p outrigger
	$(CARGO) build --release --locked -p outrigger-tool
	"$${CARGO_TARGET_DIR:-target}/release/outrigger-tool" policy precompile --into "$${CARGO_TARGET_DIR:-target}/share/outrigger/functions" "$${OUTRIGGER_TARGET:-target}"/policies/*.wasm

policies: ## target/policies/NAME.wasm: the standard policies and the examples
	plugins/build.sh

run: ## builds quickly into target/quick, with the policies of the example, then serves on LISTEN (127.0.0.1:4141), admin on ADMIN (127.0.0.1:4190), until SIGTERM or SIGINT
	@echo '== 1 of 3: the policies of the example, as WebAssembly; the first time half a minute on two cores'
	@plugins/build.sh $$(sed -n 's/^ *- use: *\([a-z-]*\).*/\1/p' examples/*.yaml | sort -u)
	@echo '== 2 of 3: the sidecar and the compiler of policies; the first time five to six minutes on two cores'
	@$(CARGO) build --profile quick --locked -p outrigger -p outrigger-tool
	@echo '== 3 of 3: serving; the first time a few seconds go into compiling the policies'
	@exec examples/run.sh

test: ## everything, over real sockets, with the real SDKs
	tests/run.sh

fuzz: ## the fuzz targets for MINUTES (10) from a seed of their own; `make test` runs each for ten seconds
	OUTRIGGER_FUZZ_SECONDS=$$(($${MINUTES:-10} * 60)) OUTRIGGER_FUZZ_SEED=$$(date +%s) $(CARGO) test --locked -p outrigger -p outrigger-dialect --lib fuzz -- --nocapture

bench: build ## compares with direct, a plain pass-through and nginx; writes target/bench/results.json
	tests/bench/run.sh

bench-distance: ## the time to the first token over 40 ms of distance, the real SDK going direct and through the sidecar; three minutes
	$(CARGO) build --release --locked -p outrigger
	tests/setup.sh
	python3 tests/bench/distance.py --outrigger "$${CARGO_TARGET_DIR:-target}/release/outrigger"

bench-failover: ## what aliases cost and what is tried when a target fails; BEFORE=BINARY compares an alias of one target with an older sidecar
	$(CARGO) build --release --locked -p outrigger
	$(CARGO) build --release --locked -p outrigger-tests --bins
	python3 tests/bench/failover.py --bin "$${CARGO_TARGET_DIR:-target}/release" $(if $(BEFORE),--before $(BEFORE))

bench-instructions: policies ## instructions per request, by callgrind; WRITE=1 checks the figures in that `make test` compares with
	tests/bench/instructions.sh $(if $(WRITE),--write)

bench-translation: ## what a request, a reply and an event of a stream cost to translate, between each two dialects
	$(CARGO) run --release --locked --quiet -p outrigger-dialect --example translation_cost

lint: ## formatting, clippy, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p outrigger --locked -- -D warnings
	plugins/build.sh --clippy
	tests/deny.sh

clean:
	rm -rf target
