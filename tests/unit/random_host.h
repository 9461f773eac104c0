/* A hypervisor to which anything happens, in any order. */
#ifndef TESTS_UNIT_RANDOM_HOST_H
#define TESTS_UNIT_RANDOM_HOST_H 1

#include <random>

#include "tests/unit/host.h"

namespace pm {

/* Its bridges, with the types that they begin with, and how many NICs may be
 * plugged in. */
inline constexpr const char *BRIDGES[] = {"br-int", "br-ext", "br-dpdk"};
inline constexpr const char *TYPES[] = {"system", "system", "netdev"};
inline constexpr uint32_t NICS = 8, VPCS = 3, SUBNETS = 4;

inline std::string
numbered(const char *what, uint32_t n)
{
    return what + std::to_string(n);
}

class RandomHost : public Host {
public:
    /* With 'hostile' edits, rows that only we write are changed too. */
    RandomHost(uint32_t seed, bool hostile);

    /* Changes one thing out there; feed() or feed_some() shows it. */
    void edit();
    /* Gives a tunnel another destination and its filter other rules, as one
     * edit. */
    void edit_together();
    /* As feed(), but of a view that is not complete: rows withheld, none
     * gone. */
    void feed_some();
    /* Writes some of the rows desired, and not those to be deleted. */
    void write_some_rows();

    Path find_path(const PathKey &) override;
    int pick(int n); /* 0 .. n - 1. */
    bool chance(int percent) { return pick(100) < percent; }

private:
    void mend();
    void edit_tunnel();
    void edit_resource();
    void edit_inventory();
    void edit_network();
    void put_subnet(uint32_t n);
    void edit_filter();
    void edit_nics();
    void edit_bridges();
    void edit_settings();
    void edit_path();
    void edit_statuses();
    void tamper_with_rows();
    void put_nic(uint32_t n);
    void put_resource(Row kind, uint32_t n);
    void put_filter(uint32_t n);
    void put_tunnel(uint32_t n);
    template <typename T> void break_or_mend(Table<T> *, Table<T> *, Uuid);

    std::mt19937 random_;
    bool hostile_;
    Table<Collector> broken_collectors_;
    Table<Subnet> broken_subnets_;
    Table<Filter> broken_filters_;
};

} // namespace pm

#endif /* TESTS_UNIT_RANDOM_HOST_H */
