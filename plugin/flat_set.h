/* A set in one piece of memory (core).
 *
 * For the many sets of a few uuids, or of thousands, by which one row finds
 * others: 16 bytes each, where a node of std::set takes 64.  Insertion moves
 * what comes after. */
#ifndef PLUGIN_FLAT_SET_H
#define PLUGIN_FLAT_SET_H 1

#include <algorithm>
#include <utility>
#include <vector>

namespace pm {

template <typename T> class FlatSet {
public:
    using const_iterator = typename std::vector<T>::const_iterator;
    using iterator = const_iterator;

    FlatSet() = default;
    explicit FlatSet(std::vector<T> values) : values_(std::move(values))
    {
        std::sort(values_.begin(), values_.end());
        values_.erase(std::unique(values_.begin(), values_.end()),
                      values_.end());
    }

    const_iterator begin() const { return values_.begin(); }
    const_iterator end() const { return values_.end(); }
    size_t size() const { return values_.size(); }
    bool empty() const { return values_.empty(); }
    size_t count(const T &value) const
    {
        return std::binary_search(begin(), end(), value);
    }

    void insert(const T &value)
    {
        auto at = std::lower_bound(values_.begin(), values_.end(), value);
        if (at == values_.end() || *at != value) {
            values_.insert(at, value);
        }
    }
    void erase(const T &value)
    {
        auto at = std::lower_bound(values_.begin(), values_.end(), value);
        if (at != values_.end() && *at == value) {
            values_.erase(at);
        }
    }

    bool operator==(const FlatSet &) const = default;

private:
    std::vector<T> values_; /* Sorted. */
};

} // namespace pm

#endif /* PLUGIN_FLAT_SET_H */
