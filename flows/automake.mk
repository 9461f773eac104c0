libpmcore_la_SOURCES += \
	flows/actions.cc \
	flows/actions.h \
	flows/balance.cc \
	flows/balance.h \
	flows/cookie.cc \
	flows/cookie.h \
	flows/counting.cc \
	flows/counting.h \
	flows/decide.cc \
	flows/decide.h \
	flows/delivery.cc \
	flows/delivery.h \
	flows/egress.cc \
	flows/egress.h \
	flows/flow.cc \
	flows/flow.h \
	flows/meter.cc \
	flows/meter.h \
	flows/pipeline.cc \
	flows/pipeline.h \
	flows/rule_match.cc \
	flows/rule_match.h \
	flows/rule_space.cc \
	flows/rule_space.h
libpmovs_la_SOURCES += \
	flows/flood_question.cc \
	flows/flood_question.h \
	flows/flow_codec.cc \
	flows/flow_codec.h \
	flows/frame_compose.c \
	flows/frame_compose.h \
	flows/frame_text.cc \
	flows/frame_text.h \
	flows/group_codec.cc \
	flows/group_codec.h \
	flows/meter_codec.cc \
	flows/meter_codec.h \
	flows/openflow.cc \
	flows/openflow.h \
	flows/openflow_ask.cc \
	flows/packet_codec.cc \
	flows/packet_codec.h \
	flows/spelling.cc \
	flows/spelling.h
