bin_PROGRAMS += ovs-mirrorctl
ovs_mirrorctl_SOURCES = \
	utilities/ovs-mirrorctl-columns.cc \
	utilities/ovs-mirrorctl-describe.cc \
	utilities/ovs-mirrorctl-edit.cc \
	utilities/ovs-mirrorctl-filter.cc \
	utilities/ovs-mirrorctl-generic.cc \
	utilities/ovs-mirrorctl-help.cc \
	utilities/ovs-mirrorctl-init.cc \
	utilities/ovs-mirrorctl-lifecycle.cc \
	utilities/ovs-mirrorctl-list.cc \
	utilities/ovs-mirrorctl-people.cc \
	utilities/ovs-mirrorctl-print.cc \
	utilities/ovs-mirrorctl-probe.cc \
	utilities/ovs-mirrorctl-remote.cc \
	utilities/ovs-mirrorctl-run.cc \
	utilities/ovs-mirrorctl-show.cc \
	utilities/ovs-mirrorctl-streams.cc \
	utilities/ovs-mirrorctl-tunnel-show.cc \
	utilities/ovs-mirrorctl-tunnel.cc \
	utilities/ovs-mirrorctl-values.cc \
	utilities/ovs-mirrorctl-view.cc \
	utilities/ovs-mirrorctl-wait.cc \
	utilities/ovs-mirrorctl.cc \
	utilities/ovs-mirrorctl.h
ovs_mirrorctl_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
ovs_mirrorctl_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
ovs_mirrorctl_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)

EXTRA_DIST += \
	.ci/run \
	utilities/build-ovs \
	utilities/check \
	utilities/common.sh \
	utilities/demo \
	utilities/demo.py \
	utilities/lint \
	utilities/sandbox \
	utilities/sum-reports

dist_man_MANS += docs/ovs-mirrorctl.8

bashcompletiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += utilities/ovs-mirrorctl.bash
# bash looks there for a file of the command's name.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	$(INSTALL_DATA) $(srcdir)/utilities/ovs-mirrorctl.bash \
		"$(DESTDIR)$(bashcompletiondir)/ovs-mirrorctl"
uninstall-local:
	rm -f "$(DESTDIR)$(bashcompletiondir)/ovs-mirrorctl"

# An example for the administrator: no file of ours is put where systemd
# looks.
EXTRA_DIST += utilities/ovs-mirrord.service.in
pkgdata_DATA += utilities/ovs-mirrord.service
CLEANFILES += utilities/ovs-mirrord.service
utilities/ovs-mirrord.service: utilities/ovs-mirrord.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) utilities && sed 's,[@]sbindir[@],$(sbindir),' \
		$(srcdir)/utilities/ovs-mirrord.service.in > $@.tmp && mv $@.tmp $@
