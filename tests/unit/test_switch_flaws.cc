#include "plugin/switch_flaws.h"

#include <gtest/gtest.h>

namespace pm {

namespace {

TEST(SwitchFlaws, TheUserspaceDatapathMixesUpFlowsUntilItsReleaseWasMended)
{
    for (const char *flawed :
         {"2.15.0", "2.17.7", "3.0.4", "3.1.0", "3.1.2"}) {
        EXPECT_TRUE(modifies_wrong_flow(flawed, "netdev")) << flawed;
        EXPECT_TRUE(modifies_wrong_flow(flawed, "dummy")) << flawed;
        EXPECT_FALSE(modifies_wrong_flow(flawed, "system")) << flawed;
        EXPECT_FALSE(modifies_wrong_flow(flawed, "")) << flawed;
    }
    for (const char *mended :
         {"2.17.8", "3.0.5", "3.1.3", "3.2.0", "3.5.0", "4.0.0"}) {
        EXPECT_FALSE(modifies_wrong_flow(mended, "netdev")) << mended;
    }
}

TEST(SwitchFlaws, AVersionThatCannotBeReadIsTakenToBeFlawed)
{
    for (const char *odd : {"", "3.1", "master", "3.x.1"}) {
        EXPECT_TRUE(modifies_wrong_flow(odd, "netdev")) << odd;
    }
}

} // namespace

} // namespace pm
