if HAVE_GTEST
check_PROGRAMS += tests/unit-tests
TESTS += tests/unit-tests
tests_unit_tests_SOURCES = \
	tests/unit/test_model.cc \
	tests/unit/test_path_text.cc
tests_unit_tests_CXXFLAGS = $(AM_CXXFLAGS) $(GTEST_CFLAGS)
tests_unit_tests_LDADD = libpmcore.la $(GTEST_LIBS)
endif

check_PROGRAMS += tests/openflow-tester
tests_openflow_tester_SOURCES = tests/openflow-tester.cc
tests_openflow_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_openflow_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_openflow_tester_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
TESTS += tests/dummy/test_openflow.py
EXTRA_DIST += tests/dummy/dummy_switch.py tests/dummy/test_openflow.py
check_PROGRAMS += tests/unixctl-tester
tests_unixctl_tester_SOURCES = tests/dummy/unixctl-tester.cc tests/line_reader.h
tests_unixctl_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_unixctl_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_unixctl_tester_LDADD = libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
TESTS += tests/dummy/test_unixctl.py
EXTRA_DIST += tests/dummy/test_unixctl.py

check_PROGRAMS += tests/underlay-tester
tests_underlay_tester_SOURCES = tests/system/underlay-tester.cc tests/line_reader.h
tests_underlay_tester_CPPFLAGS = $(AM_CPPFLAGS) $(OVS_CPPFLAGS)
tests_underlay_tester_CXXFLAGS = $(AM_CXXFLAGS) $(OVS_CXXFLAGS)
tests_underlay_tester_LDADD = libpmunderlay.la libpmovs.la libpmcore.la $(LIBOPENVSWITCH)
EXTRA_DIST += tests/system/test_underlay.py
