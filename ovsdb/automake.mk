# Adapters to OVS: rows and messages <-> values.
noinst_LTLIBRARIES += libpmovs.la
libpmovs_la_SOURCES = \
	ovsdb/columns.h \
	ovsdb/conditions.cc \
	ovsdb/conditions.h \
	ovsdb/control_db.cc \
	ovsdb/control_db.h \
	ovsdb/control_db_connect.cc \
	ovsdb/control_db_impl.h \
	ovsdb/control_db_read.cc \
	ovsdb/control_db_write.cc \
	ovsdb/control_rows.cc \
	ovsdb/control_rows.h \
	ovsdb/control_rows_status.cc \
	ovsdb/control_rows_write.cc \
	ovsdb/ovs_c.h \
	ovsdb/probe_rows.cc \
	ovsdb/probe_rows.h \
	ovsdb/shared_datums.cc \
	ovsdb/shared_datums.h \
	ovsdb/switch_db.cc \
	ovsdb/switch_db.h \
	ovsdb/switch_db_impl.h \
	ovsdb/switch_db_write.cc \
	ovsdb/turn.cc \
	ovsdb/turn.h \
	ovsdb/unixctl_client.cc \
	ovsdb/unixctl_client.h
nodist_libpmovs_la_SOURCES = \
	ovsdb/packet-mirroring-idl.c \
	ovsdb/packet-mirroring-idl.h
libpmovs_la_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
libpmovs_la_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
libpmovs_la_CFLAGS = $(AM_CFLAGS) $(OVS_CXXFLAGS)

SCHEMA = ovsdb/packet-mirroring.ovsschema
dist_pkgdata_DATA += $(SCHEMA)
EXTRA_DIST += ovsdb/packet-mirroring-idl.ann
BUILT_SOURCES += ovsdb/packet-mirroring-idl.c ovsdb/packet-mirroring-idl.h
CLEANFILES += ovsdb/packet-mirroring-idl.c ovsdb/packet-mirroring-idl.h \
	ovsdb/packet-mirroring-idl.ovsidl
OVSDB_IDLC = env PYTHONDONTWRITEBYTECODE=1 \
	PYTHONPATH=$(OVS_SRCDIR)/python:$$PYTHONPATH \
	$(PYTHON3) $(OVS_BUILDDIR)/ovsdb/ovsdb-idlc

ovsdb/packet-mirroring-idl.ovsidl: $(SCHEMA) ovsdb/packet-mirroring-idl.ann
	$(AM_V_GEN)$(MKDIR_P) ovsdb && $(OVSDB_IDLC) annotate \
		$(srcdir)/$(SCHEMA) $(srcdir)/ovsdb/packet-mirroring-idl.ann > $@.tmp && mv $@.tmp $@
ovsdb/packet-mirroring-idl.c: ovsdb/packet-mirroring-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-source $< > $@.tmp && mv $@.tmp $@
ovsdb/packet-mirroring-idl.h: ovsdb/packet-mirroring-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-header $< > $@.tmp && mv $@.tmp $@
