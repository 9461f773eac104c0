# Fuzz targets, one a file fuzz-NAME.cc with its corpus in corpus/NAME.  Only
# "configure --enable-fuzzing" builds them; "make check-fuzz" does that in a
# directory of its own.
FUZZ_FILES = \
	tests/fuzz/check-fuzz \
	tests/fuzz/corpus \
	tests/fuzz/bytes.cc \
	tests/fuzz/bytes.h \
	tests/fuzz/rows.cc \
	tests/fuzz/rows.h \
	tests/fuzz/fuzz-commands.cc \
	tests/fuzz/fuzz-control-rows.cc \
	tests/fuzz/fuzz-document.cc \
	tests/fuzz/fuzz-network.cc \
	tests/fuzz/fuzz-openflow.cc \
	tests/fuzz/fuzz-switch-rows.cc
EXTRA_DIST += $(FUZZ_FILES)

if FUZZ
EXTRA_LTLIBRARIES = libpmfuzz.la
libpmfuzz_la_SOURCES = \
	tests/fuzz/bytes.cc \
	tests/fuzz/rows.cc \
	tests/unit/host.cc \
	tests/unit/random_host.cc \
	tests/unit/random_network.cc \
	tests/unit/random_switch.cc \
	tests/unit/simulated_agent.cc \
	tests/unit/simulated_agent_laws.cc
libpmfuzz_la_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
libpmfuzz_la_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)

FUZZ_LIBS = libpmfuzz.la libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
LDFLAGS_OF_FUZZ = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS = \
	tests/fuzz/commands \
	tests/fuzz/control-rows \
	tests/fuzz/document \
	tests/fuzz/network \
	tests/fuzz/openflow \
	tests/fuzz/switch-rows
tests_fuzz_commands_SOURCES = tests/fuzz/fuzz-commands.cc
tests_fuzz_commands_LDADD = $(FUZZ_LIBS)
tests_fuzz_commands_LDFLAGS = $(LDFLAGS_OF_FUZZ)
tests_fuzz_control_rows_SOURCES = tests/fuzz/fuzz-control-rows.cc
tests_fuzz_control_rows_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_fuzz_control_rows_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_fuzz_control_rows_LDADD = $(FUZZ_LIBS)
tests_fuzz_control_rows_LDFLAGS = $(LDFLAGS_OF_FUZZ)
tests_fuzz_document_SOURCES = tests/fuzz/fuzz-document.cc
tests_fuzz_document_LDADD = libpmfuzz.la libpmcore.la
tests_fuzz_document_LDFLAGS = $(LDFLAGS_OF_FUZZ)
tests_fuzz_network_SOURCES = tests/fuzz/fuzz-network.cc
tests_fuzz_network_CXXFLAGS = $(AM_CXXFLAGS) $(LIBNL_CFLAGS)
tests_fuzz_network_LDADD = libpmfuzz.la libpmnetlink.la libpmcore.la
tests_fuzz_network_LDFLAGS = $(LDFLAGS_OF_FUZZ)
tests_fuzz_openflow_SOURCES = tests/fuzz/fuzz-openflow.cc
tests_fuzz_openflow_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_fuzz_openflow_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_fuzz_openflow_LDADD = $(FUZZ_LIBS)
tests_fuzz_openflow_LDFLAGS = $(LDFLAGS_OF_FUZZ)
tests_fuzz_switch_rows_SOURCES = tests/fuzz/fuzz-switch-rows.cc
tests_fuzz_switch_rows_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_fuzz_switch_rows_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_fuzz_switch_rows_LDADD = $(FUZZ_LIBS)
tests_fuzz_switch_rows_LDFLAGS = $(LDFLAGS_OF_FUZZ)
# BUILT_SOURCES are made by "all" and "check" alone.
fuzz-targets: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(EXTRA_PROGRAMS)
endif

FUZZ_SECONDS = 60
.PHONY: check-fuzz fuzz-targets
check-fuzz:
	$(srcdir)/tests/fuzz/check-fuzz --seconds=$(FUZZ_SECONDS) \
		$(abs_top_builddir)/fuzz
