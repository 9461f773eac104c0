libpmcore_la_SOURCES += \
	flows/flow.cc \
	flows/flow.h \
	flows/rule_match.cc \
	flows/rule_match.h
libpmovs_la_SOURCES += \
	flows/openflow.cc \
	flows/openflow.h
