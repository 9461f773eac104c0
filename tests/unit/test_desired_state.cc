#include <gtest/gtest.h>

#include "plugin/slots.h"
#include "tests/unit/random_host.h"

namespace pm {

namespace {

/* The law that everything else leans on: a state that lived through every
 * edit says what one would that starts now. */

/* Rows bear the numbers and names by which the flows go; before they are
 * written, which were handed out is a matter of history. */
bool
names_are_written(const Host &host)
{
    const SwitchRows &desired = host.desired.rows();
    for (const auto &[name, row] : desired.bridges) {
        if (!host.facts.rows.bridges.count(name)) {
            return false;
        }
    }
    for (const auto &[name, row] : desired.ports) {
        auto actual = host.facts.rows.ports.find(name);
        if (actual == host.facts.rows.ports.end() ||
            !(actual->second.mark == row.mark)) {
            return false;
        }
    }
    return true;
}

struct Tally {
    int edits = 0, compared = 0, settled = 0, copying = 0, filtered = 0;
};

void
live_through(uint32_t seed, int steps, Tally *tally)
{
    RandomHost host(seed, true);
    ASSERT_TRUE(host.settle());
    for (int step = 0; step < steps; step++) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " step " +
                     std::to_string(step));
        for (int n = 1 + host.pick(3); n > 0; n--) {
            host.edit();
            tally->edits++;
        }
        if (host.chance(20)) {
            host.feed_some();
            if (host.chance(50)) {
                host.answer_paths();
                host.write_some_rows();
            }
            continue;
        }
        host.feed();
        if (names_are_written(host) && host.facts.settled) {
            ASSERT_EQ(difference(host.desired, host.restarted()), "");
            tally->compared++;
        }
        if (host.chance(30)) {
            host.write_some_rows();
        } else if (host.chance(60)) {
            ASSERT_TRUE(host.settle());
            ASSERT_EQ(difference(host.desired, host.restarted()), "");
            tally->settled++;
            bool copying = false, filtered = false;
            for (const auto &[key, flows] : host.desired.flows()) {
                copying |= key.owner.kind == FlowOwner::Tap;
                filtered |= key.owner.kind == FlowOwner::Filter;
            }
            tally->copying += copying;
            tally->filtered += filtered;
        }
    }
}

TEST(DesiredState, AgreesWithOneThatStartsNowAfterThousandsOfRandomEdits)
{
    Tally tally;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        live_through(seed, 100, &tally);
        if (HasFatalFailure()) {
            return;
        }
    }
    EXPECT_GT(tally.edits, 10000);
    EXPECT_GT(tally.compared, 1000);
    /* Where nothing copies nothing is proven. */
    EXPECT_GT(tally.copying * 2, tally.settled);
    EXPECT_GT(tally.filtered * 4, tally.settled);
    RecordProperty("edits", tally.edits);
    RecordProperty("compared", tally.compared);
    RecordProperty("settled", tally.settled);
    RecordProperty("copying", tally.copying);
}

} // namespace

} // namespace pm
