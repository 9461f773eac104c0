# The pure core: no OVS header, socket, clock, log or global.  The unit tests
# link only this, so the linker keeps the rule.
noinst_LTLIBRARIES += libpmcore.la
libpmcore_la_SOURCES = \
	plugin/check.cc \
	plugin/check.h \
	plugin/desire_shared.cc \
	plugin/desire_tunnel.cc \
	plugin/desired_state.cc \
	plugin/desired_state.h \
	plugin/check_tunnel.cc \
	plugin/document.cc \
	plugin/document.h \
	plugin/edit.cc \
	plugin/edit.h \
	plugin/edit_remove.cc \
	plugin/export.cc \
	plugin/finish.cc \
	plugin/json_fields.cc \
	plugin/json_fields.h \
	plugin/json_text.cc \
	plugin/kinds.h \
	plugin/lifecycle.cc \
	plugin/lifecycle.h \
	plugin/model.cc \
	plugin/model.h \
	plugin/path.h \
	plugin/plan.cc \
	plugin/plan.h \
	plugin/slots.cc \
	plugin/slots.h \
	plugin/status.cc \
	plugin/status.h \
	plugin/switch_names.h \
	plugin/switch_rows.h
	plugin/parse.h \
	plugin/parse_customer.cc \
	plugin/parse_inventory.cc \
	plugin/path.h

sbin_PROGRAMS += ovs-mirrord
ovs_mirrord_SOURCES = \
	plugin/agent.cc \
	plugin/agent.h \
	plugin/agent_report.cc \
	plugin/appctl.cc \
	plugin/appctl.h \
	plugin/bridge_link.cc \
	plugin/bridge_link.h \
	plugin/main.cc \
	plugin/prover.cc \
	plugin/prover.h \
	plugin/underlay.cc \
	plugin/underlay.h
ovs_mirrord_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
ovs_mirrord_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS) $(LIBNL_CFLAGS)
ovs_mirrord_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH) $(LIBNL_LIBS)
