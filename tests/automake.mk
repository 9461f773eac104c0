if HAVE_GTEST
check_PROGRAMS += tests/unit-tests
TESTS += tests/unit-tests
tests_unit_tests_SOURCES = \
	tests/unit/test_model.cc
tests_unit_tests_CXXFLAGS = $(AM_CXXFLAGS) $(GTEST_CFLAGS)
tests_unit_tests_LDADD = libpmcore.la $(GTEST_LIBS)
endif
