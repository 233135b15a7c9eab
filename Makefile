MODULE_big = webhook_dedup
EXTENSION = webhook_dedup
DATA = webhook_dedup--1.0.sql
PGFILEDESC = "webhook_dedup - idempotent webhook receiver"

OBJS = \
	src/webhook_dedup.o \
	src/args.o \
	src/text.o \
	src/headers.o \
	src/jsonmatch.o \
	src/jsonscan.o \
	src/jsontoken.o \
	src/form.o \
	src/placeholder.o \
	src/template.o \
	src/render.o \
	src/items.o \
	src/payload.o \
	src/provider.o \
	src/privacy.o \
	src/derive.o \
	src/explain.o \
	src/table.o \
	src/owner.o \
	src/statements.o \
	src/plans.o \
	src/lease.o \
	src/probe.o \
	src/event.o \
	src/acquisition.o \
	src/acquire.o \
	src/batch.o \
	src/acquire_many.o \
	src/receive.o \
	src/complete.o \
	src/operate.o \
	src/provider_set.o

PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
SHLIB_LINK = -lcrypto

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test
PROVE_TESTS = test/t/*.pl
TAP_TESTS = 1

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Every object depends on every header: the build takes seconds.
$(OBJS): $(wildcard src/*.h)
