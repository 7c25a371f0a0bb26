# Makefile - builds libconprof.so and conprof, checks, measures and installs them. `make help` lists the targets.
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif
B ?= build
WERROR ?= -Werror
VERSION := 0.1.0
JOBS := $(shell nproc 2>/dev/null || echo 2)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wformat=2 $(WERROR)
OPT ?= -O2 -g
BASE := -std=gnu11 -D_GNU_SOURCE -DCP_VERSION='"$(VERSION)"' -Ipreload -I. -I$(B)/gen $(OPT) $(WARN) $(EXTRA)
# The library lives in foreign processes: hidden by default, nothing lazy, no plt, libc alone.
LIBFLAGS := $(BASE) -fPIC -fvisibility=hidden -fno-plt -fno-omit-frame-pointer -fno-builtin-malloc -fno-exceptions -U_FORTIFY_SOURCE
# libdl and libpthread are part of libc since glibc 2.34: there nothing of them is linked.
# Code and constants share a segment: two fewer to map, and to fault in, for each program that starts.
LIBLINK := -shared -nostartfiles -Wl,--sort-section=name,-z,now,-z,relro,-z,defs,-z,noseparate-code,-soname,libconprof.so -Wl,--as-needed
# Calls that only libc can answer come to preload/libc/theirs.c.
THEIRS := dlsym dlopen dlerror dlinfo dladdr dl_iterate_phdr pthread_key_create pthread_setspecific getauxval clock_gettime \
	__sigaction pthread_atfork on_exit
LIBLINK += $(THEIRS:%=-Wl,--wrap=%)
# Ours come to preload/libc/calls.c; the world's `syscall` is the front in preload/hook/seccomp.c.
LIBLINK += -Wl,--wrap=syscall -Wl,--defsym,syscall=cp_front_syscall -Wl,--version-script=preload/hook/shown.map
PROGLIBS := -lcurl -lmicrohttpd -lprotobuf-c -ldw -lelf -liberty -lz -llzma -lzstd -lm
HEAP := -ljemalloc

PRELOAD_O := $(patsubst %.c,$(B)/%.o,$(wildcard preload/*/*.c))
BASE_O := $(filter $(B)/preload/base/%,$(PRELOAD_O))
SIGNAL_O := $(BASE_O) $(filter $(B)/preload/signal/%,$(PRELOAD_O)) $(B)/preload/life/libunwind.o \
	$(B)/preload/life/instead.o $(B)/preload/libc/find.o
HOOK_O := $(SIGNAL_O) $(filter-out %/malloc.o,$(filter $(B)/preload/hook/%,$(PRELOAD_O)))
PBC_O := $(B)/gen/pprof.pb-c.o
ENC_O := $(patsubst %.c,$(B)/%.o,$(wildcard encoder/*.c)) $(PBC_O)
UP_O := $(patsubst %.c,$(B)/%.o,$(wildcard uploader/*.c)) $(B)/gen/push.pb-c.o
UNIT := $(filter-out $(SKIP:%=$(B)/unit/%),$(patsubst test/%.c,$(B)/%,$(wildcard test/unit/*.c)))
FUZZ := $(patsubst test/%.c,$(B)/%,$(wildcard test/fuzz/*.c))
FAULT := $(patsubst test/%.c,$(B)/%,$(wildcard test/fault/*.c))
OURS = $(shell find preload encoder uploader test doc -name '*.c' -o -name '*.h' -o -name '*.cpp')

.PHONY: all unit fuzz demo check check-slow bench install uninstall format format-check deps clean help
.PHONY: run-unit run-fuzz fuzz-new fault run-fault
all: $(B)/libconprof.so $(B)/conprof

$(B)/libconprof.so: $(PRELOAD_O)
	$(CC) $(OPT) $(EXTRA) $(LIBLINK) -o $@ $^ -ldl -lpthread

$(B)/conprof: $(UP_O) $(ENC_O) $(BASE_O)
	$(CC) $(OPT) $(EXTRA) -o $@ $^ $(PROGLIBS) $(HEAP)

# Written out, memcpy must not become a call of memcpy. MORE: what one file alone is compiled with.
$(B)/preload/libc/%.o: MORE = -fno-builtin
# Our unwinder and libunwind in one object, to be preloaded and compared (test/real/judge.py).
$(B)/judge.so: test/judge/judge.c $(SIGNAL_O) $(filter $(B)/preload/libc/%,$(PRELOAD_O))
	$(CC) $(BASE) -Wno-missing-prototypes -fPIC -fno-omit-frame-pointer -shared $(THEIRS:%=-Wl,--wrap=%) -o $@ $(sort $^) -ldl -lpthread

# What the encoder says of addresses, to be held against other readers of DWARF (test/real/lines.py).
$(B)/judge_lines: test/judge/lines.c $(ENC_O) $(BASE_O)
	$(CC) $(BASE) -o $@ $^ $(PROGLIBS)

# Unwinders beside each other, for the bench (test/bench/table_70_unwinder.py).
$(B)/speed: test/judge/speed.c test/unit/own_stacks.h $(B)/signal.a
	$(CC) $(BASE) -fno-omit-frame-pointer -o $@ $< $(B)/signal.a -ldl -lpthread

$(B)/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	$(CC) $(LIBFLAGS) $(MORE) -MMD -MP -c -o $@ $<

$(B)/encoder/%.o $(B)/uploader/%.o: | $(B)/gen/pprof.pb-c.h
$(B)/encoder/%.o: encoder/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -MMD -MP -c -o $@ $<

$(B)/uploader/%.o: uploader/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) $(MORE) -MMD -MP -c -o $@ $<

$(B)/gen/pprof.pb-c.c $(B)/gen/pprof.pb-c.h &: encoder/pprof.proto
	@mkdir -p $(B)/gen
	protoc-c --proto_path=encoder --c_out=$(B)/gen pprof.proto

$(B)/gen/push.pb-c.c $(B)/gen/push.pb-c.h &: uploader/push.proto
	@mkdir -p $(B)/gen
	protoc-c --proto_path=uploader --c_out=$(B)/gen push.proto
$(B)/uploader/pyroscope.o $(B)/unit/uploader_push: | $(B)/gen/push.pb-c.h

$(B)/gen/%.pb-c.o: $(B)/gen/%.pb-c.c
	$(CC) -I$(B)/gen $(OPT) $(EXTRA) -w -c -o $@ $<

# The page for browsers, of one piece (uploader/page/assemble.sh).
$(B)/gen/page.html: $(wildcard uploader/page/*)
	@mkdir -p $(@D)
	uploader/page/assemble.sh "$(abspath $@)"
$(B)/uploader/page.o: MORE = -DCP_PAGE='"$(B)/gen/page.html"'
$(B)/uploader/page.o: $(B)/gen/page.html

# A test is named for the floor and the file it proves; the floor says what it is linked with. Out of
# an archive comes only what is asked for, so a test may bring a file's functions of its own.
$(B)/signal.a: $(SIGNAL_O)
$(B)/hook.a: $(HOOK_O)
$(B)/%.a:
	rm -f $@ && $(AR) crs $@ $^
$(filter $(B)/unit/base_% $(B)/fuzz/base_%,$(UNIT) $(FUZZ)): $(BASE_O)
$(filter $(B)/unit/signal_% $(B)/fuzz/signal_%,$(UNIT) $(FUZZ)): $(B)/signal.a
$(filter $(B)/unit/hook_% $(B)/fuzz/hook_%,$(UNIT) $(FUZZ)): $(B)/hook.a
$(filter $(B)/unit/encoder_% $(B)/fuzz/encoder_%,$(UNIT) $(FUZZ)): $(ENC_O) $(BASE_O)
$(filter $(B)/unit/uploader_% $(B)/fuzz/uploader_% $(B)/fault/uploader_%,$(UNIT) $(FUZZ) $(FAULT)): $(filter-out %/main.o,$(UP_O)) $(ENC_O) $(BASE_O)
$(B)/unit/% $(B)/fuzz/% $(B)/fault/%: LINK = $(if $(findstring coder_,$@)$(findstring loader_,$@),$(PROGLIBS))

$(B)/unit/%: test/unit/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -MMD -MP -MF $@.d -o $@ $< $(filter %.o %.a,$^) $(LINK) -lcmocka -lm

$(B)/fault/%: test/fault/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -Itest/unit -MMD -MP -MF $@.d -o $@ $< $(filter %.o %.a,$^) $(LINK) -lcmocka -lm

$(B)/fuzz/%: test/fuzz/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -MMD -MP -MF $@.d -fsanitize=fuzzer -o $@ $< $(filter %.o %.a,$^) $(LINK)

unit: $(UNIT)
run-unit: unit
	@test/unit/run.sh $(UNIT)
# Killed, or failing, at each system call in turn.
fault: $(FAULT)
run-fault: fault
	@test/unit/run.sh $(FAULT)
fuzz: $(FUZZ)
# check-slow repeats one walk, so that whoever meets a failure can meet it again; fuzz-new takes another each time.
FUZZ_SECONDS ?= 20
FUZZ_SEED ?= 1
run-fuzz: fuzz
	@test/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_SEED) $(FUZZ)

# Sanitizers own malloc, so they meet everything but hook/malloc.c; and signal stacks of a size that
# they do not fit on are left out, as are, with tsan, a comparison with libgcc's stacks, which it changes,
# a process in a seccomp filter, in which its runtime cannot go on, and ticks, which it keeps back until the
# next call that it knows (it warns of fences, which it does not see). Witness traps our own breaches.
M = $(MAKE) -s --no-print-directory -j$(JOBS)
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZING := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

check:
	@test/deps.sh build check
	@$(M) all unit
	@test/steps.sh "format=$(M) format-check" "house=test/house/check.sh $(B)" \
		"unit=$(M) run-unit" "run=test/run/run.sh $(B)"

check-slow:
	@test/deps.sh build check slow
	@$(M) all
	@test/steps.sh "clang=$(M) B=$(B)/clang CC=clang all" \
		"asan=$(M) B=$(B)/asan EXTRA='$(ASAN)' SKIP=signal_unwind run-unit" \
		"tsan=$(M) B=$(B)/tsan EXTRA='-fsanitize=thread -Wno-tsan' SKIP='signal_unwind signal_own_steps signal_interrupted signal_filter signal_pace signal_pace_ends' run-unit" \
		"fault=$(M) run-fault" \
		"fuzz=$(M) B=$(B)/fuzzing CC=clang EXTRA='$(FUZZING)' run-fuzz" \
		"tidy=test/tidy.sh -std=gnu11 -D_GNU_SOURCE '-DCP_VERSION=\"\"' -Ipreload -I. -I$(B)/gen" \
		"aarch64=$(M) B=$(B)/aarch64 CC=aarch64-linux-gnu-gcc $(B)/aarch64/libconprof.so" \
		"witness=$(M) B=$(B)/witness EXTRA=-DCP_WITNESS all && test/run/run.sh $(B)/witness" \
		"run-slow=test/run/run.sh $(B) slow"

fuzz-new:
	@test/deps.sh build check slow
	@$(M) B=$(B)/fuzzing CC=clang EXTRA='$(FUZZING)' FUZZ_SEED=0 run-fuzz

demo:
	@test/deps.sh build demo
	@$(M) all
	@test/demo.sh $(B)

# BENCH: which pieces, all if not said (test/bench/table_*.py).
bench:
	@test/deps.sh build check bench
	@$(M) all
	@test/bench/bench.sh $(B) $(BENCH)

deps:
	@test/deps.sh build demo check slow

format:
	clang-format -i $(OURS)
format-check:
	@clang-format --dry-run -Werror $(OURS) && echo "format: $(words $(OURS)) files"

# For 32-bit programs, which ld.so tells on stderr about a 64-bit library: one that does nothing. Made
# by binutils alone; where they cannot, there is none.
$(B)/lib32/libconprof.so:
	@mkdir -p $(@D)
	echo | as --32 -o $(@D)/nothing.o -
	ld -m elf_i386 -shared -z noexecstack -soname libconprof.so -o $@ $(@D)/nothing.o

# ld.so puts the name of its own folder for $$LIB in LD_PRELOAD: Debian's, the others', in 64 bits and 32.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
LIBS64 := lib/$(MACHINE)-linux-gnu lib64
LIBS32 := lib/i386-linux-gnu lib32
SHARE = $(DESTDIR)$(PREFIX)/share
# Papers lie beside each other as they do here, so that their links hold.
PAPERS = $(SHARE)/doc/conprof
HERE = $(DESTDIR)$(PREFIX)/lib/conprof
install: all
	install -d $(DESTDIR)$(PREFIX)/lib/conprof $(DESTDIR)$(PREFIX)/bin $(PAPERS)/doc/why $(PAPERS)/doc/systemd \
		$(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/man/man7
	install -m 755 $(B)/libconprof.so $(B)/conprof $(DESTDIR)$(PREFIX)/lib/conprof/
	ln -sf conprof/libconprof.so $(DESTDIR)$(PREFIX)/lib/libconprof.so
	for d in $(LIBS64); do install -d $(HERE)/$$d && ln -srf $(HERE)/libconprof.so $(HERE)/$$d/ || exit 1; done
	! $(MAKE) -s $(B)/lib32/libconprof.so || \
		for d in $(LIBS32); do install -D -m 755 $(B)/lib32/libconprof.so $(HERE)/$$d/libconprof.so; done
	ln -sf ../lib/conprof/conprof $(DESTDIR)$(PREFIX)/bin/conprof
	install -m 644 conprof.conf.example README.md $(PAPERS)/
	install -m 644 doc/*.md doc/*.png $(PAPERS)/doc/
	install -m 644 doc/why/*.md $(PAPERS)/doc/why/
	sed 's|/usr/local|$(PREFIX)|' doc/systemd/conprof.conf >$(PAPERS)/systemd-drop-in.conf
	ln -sf ../../systemd-drop-in.conf $(PAPERS)/doc/systemd/conprof.conf
	install -m 644 doc/man/conprof.1 $(SHARE)/man/man1/
	install -m 644 doc/man/conprof.conf.5 $(SHARE)/man/man5/
	install -m 644 doc/man/libconprof.7 $(SHARE)/man/man7/

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/lib/conprof $(PAPERS)
	rm -f $(DESTDIR)$(PREFIX)/lib/libconprof.so $(DESTDIR)$(PREFIX)/bin/conprof \
		$(SHARE)/man/man1/conprof.1 $(SHARE)/man/man5/conprof.conf.5 $(SHARE)/man/man7/libconprof.7

clean:
	rm -rf $(B)

help:
	@echo "make             build/libconprof.so and build/conprof"
	@echo "make demo        profile redis and a threaded program for ten seconds each, show the result"
	@echo "make check       format, house, unit and run tests; check-slow: sanitizers, fuzzers, clang, aarch64"
	@echo "make fuzz-new    the fuzzers where they have not been yet; FUZZ_SECONDS=600: so long each"
	@echo "make bench       what the profiler costs, into doc/COST.md; BENCH=\"pairs exec\": those pieces alone"
	@echo "make install     into DESTDIR=$(DESTDIR) PREFIX=$(PREFIX); uninstall takes it away"
	@echo "make format      clang-format over the tree; deps: the Debian packages, by apt"

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
