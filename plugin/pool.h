/* One copy of what many say (core).
 *
 * Thousands of tunnels have the same conditions, and each has read, or
 * desired, a map of its own. */
#ifndef PLUGIN_POOL_H
#define PLUGIN_POOL_H 1

#include <algorithm>
#include <set>

namespace pm {

/* Of values whose copies share what they hold (SharedMap). */
template <typename T> class Pool {
public:
    /* Makes '*value' a copy of what it is equal to, if that is here. */
    void share(T *value)
    {
        *value = *values_.insert(*value).first;
        if (values_.size() >= sweep_at_) {
            std::erase_if(values_,
                          [](const T &kept) { return !kept.is_shared(); });
            sweep_at_ = std::max(SWEEP_MIN, 2 * values_.size());
        }
    }
    size_t size() const { return values_.size(); }

private:
    /* Those that nobody has any more go when there are so many. */
    static constexpr size_t SWEEP_MIN = 64;

    std::set<T> values_;
    size_t sweep_at_ = SWEEP_MIN;
};

} // namespace pm

#endif /* PLUGIN_POOL_H */
