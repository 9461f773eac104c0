# The pure core: no OVS header, socket, clock, log or global.  The unit tests
# link only this, so the linker keeps the rule.
noinst_LTLIBRARIES += libpmcore.la
libpmcore_la_SOURCES = \
	plugin/actual.cc \
	plugin/cfg_answer.cc \
	plugin/cfg_answer.h \
	plugin/check.cc \
	plugin/check.h \
	plugin/check_network.cc \
	plugin/check_network.h \
	plugin/check_tunnel.cc \
	plugin/children.h \
	plugin/contest.cc \
	plugin/copy_counters.cc \
	plugin/copy_counters.h \
	plugin/contest.h \
	plugin/desire_delivery.cc \
	plugin/desire_leg.cc \
	plugin/desire_guards.cc \
	plugin/desire_network.cc \
	plugin/desire_newcomers.cc \
	plugin/desire_next_hops.cc \
	plugin/desire_numbers.cc \
	plugin/desire_path.cc \
	plugin/desire_questions.cc \
	plugin/desire_rows.cc \
	plugin/desire_seats.cc \
	plugin/desire_shared.cc \
	plugin/desire_switch.cc \
	plugin/desire_taps.cc \
	plugin/desire_tunnel.cc \
	plugin/desired_state.cc \
	plugin/desired_state.h \
	plugin/document.cc \
	plugin/document.h \
	plugin/dump_text.cc \
	plugin/dump_text.h \
	plugin/edit.cc \
	plugin/edit.h \
	plugin/edit_answer.cc \
	plugin/edit_inventory.cc \
	plugin/edit_remove.cc \
	plugin/edit_warnings.cc \
	plugin/explain.cc \
	plugin/explain.h \
	plugin/export.cc \
	plugin/filter_cost.cc \
	plugin/filter_cost.h \
	plugin/filter_status.cc \
	plugin/filter_status.h \
	plugin/finish.cc \
	plugin/flat_set.h \
	plugin/hits.cc \
	plugin/hits.h \
	plugin/installed.cc \
	plugin/installed.h \
	plugin/json_fields.cc \
	plugin/json_fields.h \
	plugin/json_text.cc \
	plugin/kinds.h \
	plugin/lifecycle.cc \
	plugin/lifecycle.h \
	plugin/mirror_watch.cc \
	plugin/mirror_watch.h \
	plugin/namesake.cc \
	plugin/namesake.h \
	plugin/beat.h \
	plugin/heartbeat.cc \
	plugin/heartbeat.h \
	plugin/model.cc \
	plugin/model.h \
	plugin/next_hops.cc \
	plugin/next_hops.h \
	plugin/nic_links.cc \
	plugin/nic_links.h \
	plugin/owner_index.h \
	plugin/pace.cc \
	plugin/pace.h \
	plugin/parse.h \
	plugin/parse_customer.cc \
	plugin/parse_inventory.cc \
	plugin/path.h \
	plugin/path_text.cc \
	plugin/path_text.h \
	plugin/pool.h \
	plugin/plan.cc \
	plugin/plan.h \
	plugin/plan_meters.cc \
	plugin/plan_meters.h \
	plugin/plan_stops.cc \
	plugin/plan_stops.h \
	plugin/plan_revocations.cc \
	plugin/plan_revocations.h \
	plugin/plan_rows.cc \
	plugin/plan_rows.h \
	plugin/printable.cc \
	plugin/printable.h \
	plugin/probe.cc \
	plugin/probe.h \
	plugin/references.cc \
	plugin/references.h \
	plugin/refusals.cc \
	plugin/refusals.h \
	plugin/seldom.h \
	plugin/settings.cc \
	plugin/settings.h \
	plugin/shared.h \
	plugin/shared_text.h \
	plugin/slots.cc \
	plugin/slots.h \
	plugin/status.cc \
	plugin/status.h \
	plugin/suspects.cc \
	plugin/suspects.h \
	plugin/switch_flaws.cc \
	plugin/switch_flaws.h \
	plugin/switch_names.h \
	plugin/switch_rows.h \
	plugin/target_peers.h \
	plugin/told.cc \
	plugin/told.h \
	plugin/touched.cc \
	plugin/touched.h \
	plugin/tunnel_name.cc \
	plugin/tunnel_name.h \
	plugin/value_of.h

# Adapter to libnl.  Without OVS_CPPFLAGS: OVS's include/linux clashes with
# what libnl includes.
noinst_LTLIBRARIES += libpmnetlink.la
libpmnetlink_la_SOURCES = \
	plugin/netlink_message.cc \
	plugin/netlink_message.h \
	plugin/netlink_watch.cc \
	plugin/netlink_watch.h
libpmnetlink_la_CXXFLAGS = $(AM_CXXFLAGS) $(LIBNL_CFLAGS)
libpmnetlink_la_LIBADD = $(LIBNL_LIBS)

# What the host and the switch know of the way to the destinations.
noinst_LTLIBRARIES += libpmunderlay.la
libpmunderlay_la_SOURCES = \
	plugin/switch_routes.cc \
	plugin/switch_routes.h \
	plugin/underlay.cc \
	plugin/underlay.h \
	plugin/underlay_impl.h \
	plugin/underlay_paths.cc
libpmunderlay_la_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
libpmunderlay_la_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
libpmunderlay_la_LIBADD = libpmnetlink.la

sbin_PROGRAMS += ovs-mirrord
ovs_mirrord_SOURCES = \
	plugin/agent.cc \
	plugin/agent.h \
	plugin/agent_chassis.cc \
	plugin/agent_inputs.cc \
	plugin/agent_links.cc \
	plugin/agent_report.cc \
	plugin/agent_suspects.cc \
	plugin/agent_answer.cc \
	plugin/appctl.cc \
	plugin/appctl.h \
	plugin/appctl_trace.cc \
	plugin/appctl_trace.h \
	plugin/bridge_guard.cc \
	plugin/bridge_guard.h \
	plugin/made_bridges.cc \
	plugin/made_bridges.h \
	plugin/bridge_link.cc \
	plugin/bridge_link.h \
	plugin/counts.cc \
	plugin/counts.h \
	plugin/frame_watch.cc \
	plugin/frame_watch.h \
	plugin/main.cc \
	plugin/prober.cc \
	plugin/prober.h \
	plugin/prover.cc \
	plugin/prover.h
ovs_mirrord_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS) $(JEMALLOC_CPPFLAGS)
ovs_mirrord_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
ovs_mirrord_LDADD = libpmunderlay.la libpmovs.la libpmcore.la \
	$(LIBOPENVSWITCH) $(JEMALLOC_LIBS)

dist_man_MANS += docs/ovs-mirrord.8
