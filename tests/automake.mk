if HAVE_GTEST
check_PROGRAMS += tests/unit-tests
TESTS += tests/unit-tests
tests_unit_tests_SOURCES = \
	tests/unit/flow_reader.cc \
	tests/unit/flow_reader.h \
	tests/unit/host.cc \
	tests/unit/host.h \
	tests/unit/life_cloud.h \
	tests/unit/life_table.cc \
	tests/unit/life_table.h \
	tests/unit/random_host.cc \
	tests/unit/random_host.h \
	tests/unit/random_network.cc \
	tests/unit/random_switch.cc \
	tests/unit/reference_filter.cc \
	tests/unit/reference_filter.h \
	tests/unit/simulated_agent.cc \
	tests/unit/simulated_agent.h \
	tests/unit/simulated_agent_laws.cc \
	tests/unit/tenant.h \
	tests/unit/test_acceptance.cc \
	tests/unit/test_balance.cc \
	tests/unit/test_cfg_answer.cc \
	tests/unit/test_check.cc \
	tests/unit/test_check_network.cc \
	tests/unit/test_check_resource.cc \
	tests/unit/test_check_tunnel.cc \
	tests/unit/test_children.cc \
	tests/unit/test_contest.cc \
	tests/unit/test_copy_counters.cc \
	tests/unit/test_counting.cc \
	tests/unit/test_cover.cc \
	tests/unit/test_decide.cc \
	tests/unit/test_delivery.cc \
	tests/unit/test_desire_network.cc \
	tests/unit/test_desired_state.cc \
	tests/unit/test_document.cc \
	tests/unit/test_document_law.cc \
	tests/unit/test_dump_text.cc \
	tests/unit/test_edit.cc \
	tests/unit/test_edit_conflict.cc \
	tests/unit/test_erase.cc \
	tests/unit/test_explain.cc \
	tests/unit/test_filter_status.cc \
	tests/unit/test_flat_set.cc \
	tests/unit/test_guards.cc \
	tests/unit/test_handles.cc \
	tests/unit/test_hits.cc \
	tests/unit/test_inventory.cc \
	tests/unit/test_life_rows.cc \
	tests/unit/test_life_walk.cc \
	tests/unit/test_lifecycle.cc \
	tests/unit/test_mirror_watch.cc \
	tests/unit/test_namesake.cc \
	tests/unit/test_model.cc \
	tests/unit/test_network_edit.cc \
	tests/unit/test_newcomers.cc \
	tests/unit/test_next_hops.cc \
	tests/unit/test_nic_links.cc \
	tests/unit/test_one_tunnel.cc \
	tests/unit/test_owner_index.cc \
	tests/unit/test_pace.cc \
	tests/unit/test_path_text.cc \
	tests/unit/test_pipeline.cc \
	tests/unit/test_plan.cc \
	tests/unit/test_plan_stops.cc \
	tests/unit/test_probe.cc \
	tests/unit/test_prune.cc \
	tests/unit/test_references.cc \
	tests/unit/test_refusals.cc \
	tests/unit/test_renewal.cc \
	tests/unit/test_rule_match.cc \
	tests/unit/test_rule_space.cc \
	tests/unit/test_settings.cc \
	tests/unit/test_shared.cc \
	tests/unit/test_sharing.cc \
	tests/unit/test_slots.cc \
	tests/unit/test_status.cc \
	tests/unit/test_suspects.cc \
	tests/unit/test_switch_flaws.cc \
	tests/unit/test_told.cc \
	tests/unit/test_tunnel_name.cc \
	tests/unit/world.h
tests_unit_tests_CXXFLAGS = $(AM_CXXFLAGS) $(GTEST_CFLAGS)
tests_unit_tests_LDADD = libpmcore.la $(GTEST_LIBS)
endif

# The only one of the others that "make check" runs: filters on a real switch.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = $(PYTHON3)
AM_PY_LOG_FLAGS = -B
AM_TESTS_ENVIRONMENT = OVS_MIRROR_BUILD=$(abs_top_builddir); \
	export OVS_MIRROR_BUILD;
TESTS += tests/dummy/test_exactness.py

check_PROGRAMS += tests/openflow-tester
tests_openflow_tester_SOURCES = tests/openflow-tester.cc
tests_openflow_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_openflow_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_openflow_tester_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
check_PROGRAMS += tests/unixctl-tester
tests_unixctl_tester_SOURCES = tests/dummy/unixctl-tester.cc tests/line_reader.h
tests_unixctl_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_unixctl_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_unixctl_tester_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
EXTRA_DIST += tests/dummy/test_unixctl.py

DUMMY_TESTS = \
	tests/dummy/test_chaos_oracles.py \
	tests/dummy/cli_case.py \
	tests/dummy/test_cli.py \
	tests/dummy/test_cli_dry_run.py \
	tests/dummy/test_cli_filter.py \
	tests/dummy/test_cli_completion.py \
	tests/dummy/test_cli_connecting.py \
	tests/dummy/test_cli_guide.py \
	tests/dummy/test_cli_inventory.py \
	tests/dummy/test_cli_refusals.py \
	tests/dummy/test_cli_odd_rows.py \
	tests/dummy/test_cli_requests.py \
	tests/dummy/test_cli_rows.py \
	tests/dummy/test_cli_shows.py \
	tests/dummy/test_cli_streams.py \
	tests/dummy/test_cli_together.py \
	tests/dummy/test_cli_unreadable.py \
	tests/dummy/test_cli_waiting.py \
	tests/dummy/test_guide_coverage.py \
	tests/dummy/test_hypervisors.py \
	tests/dummy/test_openflow.py \
	tests/dummy/test_pipeline_traps.py
EXTRA_DIST += $(DUMMY_TESTS) \
	tests/dummy/dummy_switch.py \
	tests/dummy/openflow_tester.py
# Tests against a real Open vSwitch, in Python (standard library only).
LAB_FILES = \
	tests/cases/__init__.py \
	tests/cases/accounts.py \
	tests/cases/activation.py \
	tests/cases/away.py \
	tests/cases/balance.py \
	tests/cases/constant.py \
	tests/cases/control_planes.py \
	tests/cases/daemon.py \
	tests/cases/dead.py \
	tests/cases/explain.py \
	tests/cases/faults.py \
	tests/cases/faulty_rows.py \
	tests/cases/filter_counts.py \
	tests/cases/filters.py \
	tests/cases/guest.py \
	tests/cases/healing.py \
	tests/cases/lab_itself.py \
	tests/cases/leaks.py \
	tests/cases/limits.py \
	tests/cases/loops.py \
	tests/cases/megaflows.py \
	tests/cases/network.py \
	tests/cases/order.py \
	tests/cases/others.py \
	tests/cases/outage.py \
	tests/cases/overlays.py \
	tests/cases/product.py \
	tests/cases/raft.py \
	tests/cases/random_traffic.py \
	tests/cases/reasons.py \
	tests/cases/refused.py \
	tests/cases/receiving.py \
	tests/cases/restart.py \
	tests/cases/revocation.py \
	tests/cases/security.py \
	tests/cases/sharing.py \
	tests/cases/silent.py \
	tests/cases/turns.py \
	tests/cases/updates.py \
	tests/cases/vpc.py \
	tests/cases/vpc_faults.py \
	tests/cases/vpc_loops.py \
	tests/cases/wire.py \
	tests/chaos/__init__.py \
	tests/chaos/book.py \
	tests/chaos/edits.py \
	tests/chaos/fault.py \
	tests/chaos/faults_around.py \
	tests/chaos/faults_by_hand.py \
	tests/chaos/faults_product.py \
	tests/chaos/faults_tenant.py \
	tests/chaos/floods.py \
	tests/chaos/judge.py \
	tests/chaos/ledger.py \
	tests/chaos/members.py \
	tests/chaos/mix.py \
	tests/chaos/network.py \
	tests/chaos/policy.py \
	tests/chaos/quiet.py \
	tests/chaos/run \
	tests/chaos/runner.py \
	tests/chaos/schedule.py \
	tests/chaos/story.py \
	tests/chaos/tenant.py \
	tests/chaos/tenant_edits.py \
	tests/chaos/test_chaos.py \
	tests/chaos/watch.py \
	tests/chaos/world.py \
	tests/dummy/__init__.py \
	tests/dummy/test_daemon.py \
	tests/dummy/test_database.py \
	tests/dummy/test_exactness.py \
	tests/dummy/test_filters.py \
	tests/dummy/test_flow_counts.py \
	tests/dummy/test_lab.py \
	tests/dummy/test_rounds.py \
	tests/dummy/test_security.py \
	tests/dummy/test_life_walk.py \
	tests/dummy/test_service.py \
	tests/dummy/test_refused_row.py \
	tests/dummy/test_switch_database.py \
	tests/dummy/test_two_types.py \
	tests/dummy/test_upgrade.py \
	tests/data/packet-mirroring-1.0.0.ovsschema \
	tests/lab/__init__.py \
	tests/lab/base.py \
	tests/lab/capture.py \
	tests/lab/connections.py \
	tests/lab/control.py \
	tests/lab/dummy.py \
	tests/lab/frames.py \
	tests/lab/handmade.py \
	tests/lab/idl_writer.py \
	tests/lab/lanes.py \
	tests/lab/netns.py \
	tests/lab/ovn.py \
	tests/lab/ovs_ctl.py \
	tests/lab/pcap.py \
	tests/lab/raft.py \
	tests/lab/random_filter.py \
	tests/lab/process.py \
	tests/lab/real.py \
	tests/lab/reference_filter.py \
	tests/lab/rule_sets.py \
	tests/lab/row_watch.py \
	tests/lab/slow_bridge.py \
	tests/lab/switch.py \
	tests/lab/tenant.py \
	tests/lab/tls.py \
	tests/lab/traffic.py \
	tests/lab/tshark.py \
	tests/lab/turn.py \
	tests/lab/unixctl.py \
	tests/lab/vxlan.py \
	tests/lab/waiting.py \
	tests/bench-guest \
	tests/ovn/__init__.py \
	tests/ovn/ovn_case.py \
	tests/ovn/test_ovn.py \
	tests/run-suite \
	tests/system/__init__.py \
	tests/system/test_accounts.py \
	tests/system/test_activation.py \
	tests/system/test_daemon.py \
	tests/system/test_filters.py \
	tests/system/test_lab.py \
	tests/system/test_limits.py \
	tests/system/test_loops.py \
	tests/system/test_main_job.py \
	tests/system/test_network.py \
	tests/system/test_overlays.py \
	tests/system/test_raft.py \
	tests/system/test_security.py \
	tests/system/test_sharing.py \
	tests/system/test_receiving.py \
	tests/system/test_right.py \
	tests/system/test_unprivileged.py \
	tests/system/test_updates.py \
	tests/system/test_upstream.py \
	tests/system/test_vpc.py \
	tests/system/test_vpc_loops.py
EXTRA_DIST += $(LAB_FILES)

RUN_SUITE = OVS_MIRROR_BUILD=$(abs_top_builddir) $(PYTHON3) -B \
	$(srcdir)/tests/run-suite
.PHONY: bench-guest check-dummy check-long check-system check-ovn check-chaos \
	sandbox
# On OVS's dummy datapath: any user.
check-dummy: all $(check_PROGRAMS)
	$(RUN_SUITE) dummy
# In network namespaces: root.
check-system: all $(check_PROGRAMS)
	$(RUN_SUITE) system
# Beside OVN, as the distribution ships it: root.
check-ovn: all
	$(RUN_SUITE) ovn
# Random faults and edits under traffic: root.
STEPS = 1000
SEED = random
CHAOS_OPTIONS =
check-chaos: all
	OVS_MIRROR_BUILD=$(abs_top_builddir) $(PYTHON3) -B \
		$(srcdir)/tests/chaos/run --steps=$(STEPS) --seed=$(SEED) \
		$(CHAOS_OPTIONS)
# What is worth more trials than each change can wait for: root.
check-long: all $(check_PROGRAMS)
	OVS_MIRROR_TRIALS=100 $(RUN_SUITE) system Revocation Leak
	OVS_MIRROR_NICS=63 $(RUN_SUITE) system edit_for_many_tunnels
	OVS_MIRROR_DECISIONS=1000000 $(RUN_SUITE) dummy Exactness
# What mirroring costs a guest: root.
ROUNDS = 5
bench-guest: all
	OVS_MIRROR_BUILD=$(abs_top_builddir) $(PYTHON3) -B \
		$(srcdir)/tests/bench-guest --rounds=$(ROUNDS)
# What mirroring costs, side by side (docs/performance.md): root.
BENCH = $(srcdir)/tests/bench/run $(abs_top_builddir)
.PHONY: bench bench-control bench-datapath bench-fanout bench-compare \
	bench-fanout-full
bench: all tests/fanout-clients
	$(BENCH) all $(BENCH_OPTIONS)
bench-control bench-datapath bench-fanout bench-compare: \
		all tests/fanout-clients
	$(BENCH) $(@:bench-%=%) $(BENCH_OPTIONS)
# A region's worth, for which machines with two processors need patience.
bench-fanout-full: all tests/fanout-clients
	$(BENCH) fanout --sessions=1000 --tunnels=100000 --rounds=2 \
		--ways=alone+jemalloc,RAFT+jemalloc,relays+jemalloc \
		--patience=900 --output=$(abs_top_builddir)/bench/full \
		$(BENCH_OPTIONS)
EXTRA_DIST += \
	tests/bench/__init__.py \
	tests/bench/bench-all \
	tests/bench/bench-compare \
	tests/bench/bench-control \
	tests/bench/bench-datapath \
	tests/bench/by_hand.py \
	tests/bench/compare_bed.py \
	tests/bench/database.py \
	tests/bench/datapath/__init__.py \
	tests/bench/datapath/balancing.py \
	tests/bench/datapath/copying.py \
	tests/bench/datapath/cutting.py \
	tests/bench/datapath/ground.py \
	tests/bench/datapath/megaflows.py \
	tests/bench/dpdk.py \
	tests/bench/peers.py \
	tests/bench/rounds.py \
	tests/bench/run \
	tests/bench/scene.py \
	tests/bench/tables
# The same with sanitizers, under valgrind, and on another release's switch.
.PHONY: check-sanitize check-valgrind check-valgrind-all check-matrix
check-sanitize:
	$(srcdir)/tests/check-sanitize --steps=60 $(abs_top_builddir)/sanitize
check-valgrind: all $(check_PROGRAMS)
	$(srcdir)/tests/check-valgrind $(abs_top_builddir)
check-valgrind-all: all $(check_PROGRAMS)
	$(srcdir)/tests/check-valgrind --all $(abs_top_builddir)
check-matrix: all $(check_PROGRAMS)
	$(srcdir)/tests/check-matrix $(abs_top_builddir)
EXTRA_DIST += tests/check-matrix tests/check-sanitize tests/check-valgrind
sandbox: all
	$(PYTHON3) -B $(srcdir)/utilities/sandbox $(abs_top_builddir)
check_PROGRAMS += tests/underlay-tester
tests_underlay_tester_SOURCES = tests/system/underlay-tester.cc tests/line_reader.h
tests_underlay_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_underlay_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_underlay_tester_LDADD = libpmunderlay.la libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
EXTRA_DIST += \
	tests/system/test_underlay.py \
	tests/system/test_underlay_kernel.py \
	tests/system/underlay_bed.py
check_PROGRAMS += tests/fanout-clients
tests_fanout_clients_SOURCES = tests/bench/fanout-clients.cc tests/line_reader.h
tests_fanout_clients_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_fanout_clients_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_fanout_clients_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
EXTRA_DIST += tests/bench/bench-fanout tests/bench/fanout_servers.py \
	tests/bench/fanout_sessions.py tests/bench/fanout_world.py
