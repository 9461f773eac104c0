bin_PROGRAMS += ovs-mirrorctl
ovs_mirrorctl_SOURCES = \
	utilities/ovs-mirrorctl.cc
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
