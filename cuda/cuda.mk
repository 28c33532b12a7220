# The CUDA parts of the Makefile. cuda.h comes from CUDA_HOME, or from build/ where
# `make cuda-headers` put it; gorgonia.org/cu compiles against CUDA 12's alone.
CUDA_INCLUDE := $(firstword $(foreach d,$(if $(CUDA_HOME),$(CUDA_HOME)/include) build/cuda/include,\
	$(if $(shell grep -ls 'define CUDA_VERSION 12' $(d)/cuda.h),$(abspath $(d)))))
CUDA_CC      := $(shell command -v $${CC:-gcc} 2>/dev/null)
CUDA_ENV      = CGO_ENABLED=1 CGO_CFLAGS="-O2 -I$(CUDA_INCLUDE)"
WHEELS        = .ci/fetch python3 -m pip download --quiet --no-deps --only-binary=:all: --dest build/wheels
PTXAS         = build/ptxas/nvidia/cuda_nvcc/bin/ptxas
NVRTC         = build/nvrtc/nvidia/cuda_nvrtc/lib/libnvrtc.so.12

# What the first line of `make build` is for.
ifeq ($(CUDA_INCLUDE),)
BUILD_ENV  = CGO_ENABLED=0
BUILD_SAYS = without CUDA: no cuda.h of CUDA 12 in CUDA_HOME or build/cuda/include (make cuda-headers gets it)
else ifeq ($(CUDA_CC),)
BUILD_ENV  = CGO_ENABLED=0
BUILD_SAYS = without CUDA: no C compiler
else
BUILD_ENV  = $(CUDA_ENV)
BUILD_TAGS = -tags voxencuda
BUILD_SAYS = with CUDA, from the headers in $(CUDA_INCLUDE)
endif

.PHONY: cuda-headers nvrtc ptx ptx-check ptx-assemble cuda-test cuda-test-backend cuda-test-jobs cuda-sanitize cuda-lint device-check device-rehearse

cuda-headers: build/cuda/include/cuda.h ## get cuda.h into build/, for make build to include CUDA
build/cuda/include/cuda.h:
	$(WHEELS) --require-hashes -r cuda/headers.txt
	python3 -m zipfile -e build/wheels/nvidia_cuda_runtime_cu12-12.9.79-*.whl build/cuda
	ln -sfn nvidia/cuda_runtime/include build/cuda/include

nvrtc: $(NVRTC)
$(NVRTC):
	$(WHEELS) --require-hashes -r kernels/nvrtc.txt
	python3 -m zipfile -e build/wheels/nvidia_cuda_nvrtc_cu12-12.1.105-*.whl build/nvrtc

ptx: $(NVRTC) ## compile kernels/*.cu to the PTX that programs carry; needs no GPU
	python3 kernels/ptx.py --nvrtc $(NVRTC)

ptx-check: $(NVRTC) ## fail if the committed PTX is not what kernels/*.cu compile to
	python3 kernels/ptx.py --nvrtc $(NVRTC) --check

$(PTXAS):
	$(WHEELS) --require-hashes -r kernels/ptxas.txt
	python3 -m zipfile -e build/wheels/nvidia_cuda_nvcc_cu12-12.1.105-*.whl build/ptxas
	chmod +x $@

ptx-assemble: $(PTXAS) ## fail if the committed PTX does not assemble as planned: registers, spills
	python3 kernels/assemble.py --ptxas $(PTXAS)

cuda-lint: build/cuda/include/cuda.h
	$(CUDA_ENV) $(GO) vet -tags voxencuda ./cuda/... ./internal/cuda/... ./cmd/...

cuda-test: build/cuda/include/cuda.h ## test the CUDA backend on the simulated driver; needs g++
	$(MAKE) --no-print-directory -j2 -O cuda-test-backend cuda-test-jobs
cuda-test-backend:
	$(CUDA_ENV) $(GO) test -tags voxencuda -timeout 6m $(CUDA_TESTED)
cuda-test-jobs:
	$(CUDA_ENV) $(GO) test -tags voxencuda -timeout 6m -run 'Goldens/cuda|Sklearn/cuda|OnDevice|WithTheCPU|WithTheDevice|HalvesTheTile' ./engine/ridge ./engine/dict ./lm ./cmd/voxen
CUDA_TESTED = ./cuda/... ./internal/cuda/...

# The sanitizers' runtime has to be in the process before anything else.
SANITIZERS = $(shell g++ -print-file-name=libasan.so):$(shell g++ -print-file-name=libubsan.so)
SANITIZE   = env LD_PRELOAD=$(SANITIZERS) VOXEN_SIM_SANITIZE=1 ASAN_OPTIONS=detect_leaks=0:handle_segv=0:allow_user_segv_handler=1 UBSAN_OPTIONS=print_stacktrace=1

cuda-sanitize: build/cuda/include/cuda.h
	$(CUDA_ENV) $(GO) test -tags voxencuda -timeout 60m -exec "$(SANITIZE)" $(CUDA_TESTED)

# Everything that a machine with a card needs and no compiler: run device.sh there.
# himalaya is pure Python; it needs the numpy, scikit-learn and torch of that machine.
DEVICE = build/device
device-check: build/cuda/include/cuda.h ## pack build/device and its archive: what checks and times a real card (docs/gpu.md)
	rm -rf $(DEVICE)
	mkdir -p $(DEVICE)/cuda $(DEVICE)/engine/ridge $(DEVICE)/engine/dict $(DEVICE)/testdata $(DEVICE)/python
	$(CUDA_ENV) $(GO) build -tags voxencuda -ldflags "-s -w" -o $(DEVICE)/ ./cmd/voxen ./bench/gpu
	for p in cuda engine/ridge engine/dict; do \
		$(CUDA_ENV) $(GO) test -c -tags voxencuda -ldflags "-s -w" -o $(DEVICE)/$$p/$$(basename $$p).test ./$$p || exit 1; done
	mkdir $(DEVICE)/testdata/golden && cp -r testdata/golden/ridge testdata/golden/dict $(DEVICE)/testdata/golden/
	cp bench/device.sh bench/gpu/*.py $(DEVICE)/
	$(WHEELS) --require-hashes -r bench/gpu/himalaya.txt
	python3 -m zipfile -e build/wheels/himalaya-0.4.11-*.whl $(DEVICE)/python
	tar c -C build device | xz -9 >$(DEVICE).tar.xz
	@du -sh $(DEVICE) $(DEVICE).tar.xz

device-rehearse: device-check ## try that archive whole on the simulated driver; needs g++
	bench/rehearse.sh $(DEVICE).tar.xz $$($(CUDA_ENV) $(GO) run -tags voxencuda ./internal/cuda/sim/standin)
