# Makefile - builds libconprof.so and conprof, checks, measures and installs them. `make help` lists the targets.
PREFIX ?= /usr/local
CC ?= gcc
B ?= build
WERROR ?= -Werror
VERSION := 0.1.0

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wformat=2 $(WERROR)
OPT ?= -O2 -g
BASE := -std=gnu11 -D_GNU_SOURCE -DCP_VERSION='"$(VERSION)"' -Ipreload -I. -I$(B)/gen $(OPT) $(WARN) $(EXTRA)
# The library lives in foreign processes: hidden by default, nothing lazy, no plt, libc alone.
LIBFLAGS := $(BASE) -fPIC -fvisibility=hidden -fno-plt -fno-omit-frame-pointer -fno-builtin-malloc -fno-exceptions
LIBLINK := -shared -Wl,-z,now,-z,relro,-z,defs,-soname,libconprof.so
PROGLIBS := -lcurl -lprotobuf-c -ldw -lelf -liberty -lz -lzstd -ljemalloc -lm

PRELOAD_SRC := $(wildcard preload/*/*.c)
BASE_SRC := $(wildcard preload/base/*.c)
ENC_SRC := $(wildcard encoder/*.c)
UP_SRC := $(wildcard uploader/*.c)
PRELOAD_O := $(PRELOAD_SRC:%.c=$(B)/%.o)
PBC_O := $(B)/gen/pprof.pb-c.o
ENC_O := $(ENC_SRC:%.c=$(B)/%.o) $(PBC_O)
UP_O := $(UP_SRC:%.c=$(B)/%.o)
PROG_BASE_O := $(BASE_SRC:%.c=$(B)/%.o)

.PHONY: all clean
all: $(B)/libconprof.so $(B)/conprof

$(B)/libconprof.so: $(PRELOAD_O)
	$(CC) $(OPT) $(EXTRA) $(LIBLINK) -o $@ $^

$(B)/conprof: $(UP_O) $(ENC_O) $(PROG_BASE_O)
	$(CC) $(OPT) $(EXTRA) -o $@ $^ $(PROGLIBS)

$(B)/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	$(CC) $(LIBFLAGS) -MMD -MP -c -o $@ $<

$(B)/encoder/%.o: encoder/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -MMD -MP -c -o $@ $<

$(B)/uploader/%.o: uploader/%.c | $(B)/gen/pprof.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(BASE) -MMD -MP -c -o $@ $<

$(B)/gen/pprof.pb-c.c $(B)/gen/pprof.pb-c.h &: encoder/pprof.proto
	@mkdir -p $(B)/gen
	protoc-c --proto_path=encoder --c_out=$(B)/gen pprof.proto

$(PBC_O): $(B)/gen/pprof.pb-c.c
	$(CC) -I$(B)/gen $(OPT) $(EXTRA) -w -c -o $@ $<

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
