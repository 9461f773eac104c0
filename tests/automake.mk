if HAVE_GTEST
check_PROGRAMS += tests/unit-tests
TESTS += tests/unit-tests
tests_unit_tests_SOURCES = \
	tests/unit/test_check.cc \
	tests/unit/test_document.cc \
	tests/unit/test_edit.cc \
	tests/unit/test_lifecycle.cc \
	tests/unit/test_model.cc \
	tests/unit/world.h
tests_unit_tests_CXXFLAGS = $(AM_CXXFLAGS) $(GTEST_CFLAGS)
tests_unit_tests_LDADD = libpmcore.la $(GTEST_LIBS)
endif
