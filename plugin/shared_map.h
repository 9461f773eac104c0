/* A map whose copies share what they hold (core).
 *
 * A value like any other: "==" compares content, and an edit of one copy is
 * seen in no other, since it takes a map of its own first.  Status rows are
 * kept as read, as desired and as told, of thousands of tunnels that say the
 * same, and a map that is empty takes no memory besides the pointer. */
#ifndef PLUGIN_SHARED_MAP_H
#define PLUGIN_SHARED_MAP_H 1

#include <initializer_list>
#include <map>
#include <memory>
#include <utility>

namespace pm {

template <typename Key, typename T> class SharedMap {
public:
    using Map = std::map<Key, T>;
    using key_type = Key;
    using mapped_type = T;
    using value_type = typename Map::value_type;
    using const_iterator = typename Map::const_iterator;
    using iterator = const_iterator;

    SharedMap() = default;
    SharedMap(Map map)
    {
        if (!map.empty()) {
            map_ = std::make_shared<Map>(std::move(map));
        }
    }
    SharedMap(std::initializer_list<value_type> values)
        : SharedMap(Map(values))
    {
    }

    const Map &map() const
    {
        static const Map nothing;
        return map_ ? *map_ : nothing;
    }
    operator const Map &() const { return map(); }
    const_iterator begin() const { return map().begin(); }
    const_iterator end() const { return map().end(); }
    const_iterator find(const Key &key) const { return map().find(key); }
    const T &at(const Key &key) const { return map().at(key); }
    size_t count(const Key &key) const { return map().count(key); }
    size_t size() const { return map().size(); }
    bool empty() const { return map().empty(); }

    /* Some other copy has it too. */
    bool is_shared() const { return map_.use_count() > 1; }
    /* The map to edit, which is no other copy's. */
    Map &edit()
    {
        if (!map_) {
            map_ = std::make_shared<Map>();
        } else if (is_shared()) {
            map_ = std::make_shared<Map>(*map_);
        }
        return *map_;
    }
    T &operator[](const Key &key) { return edit()[key]; }
    size_t erase(const Key &key) { return count(key) ? edit().erase(key) : 0; }

    bool operator==(const SharedMap &other) const
    {
        return map_ == other.map_ || map() == other.map();
    }
    auto operator<=>(const SharedMap &other) const
    {
        return map() <=> other.map();
    }

private:
    std::shared_ptr<Map> map_;
};

} // namespace pm

#endif /* PLUGIN_SHARED_MAP_H */
