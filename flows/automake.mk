libpmcore_la_SOURCES += \
	flows/flow.cc \
	flows/flow.h \
	flows/meter.cc \
	flows/meter.h \
	flows/pipeline.cc \
	flows/pipeline.h \
	flows/rule_match.cc \
	flows/rule_match.h
libpmovs_la_SOURCES += \
	flows/flow_codec.cc \
	flows/flow_codec.h \
	flows/meter_codec.cc \
	flows/meter_codec.h \
	flows/openflow.cc \
	flows/openflow.h \
	flows/openflow_ask.cc
