/* Looking up in a map without inserting (core). */
#ifndef PLUGIN_VALUE_OF_H
#define PLUGIN_VALUE_OF_H 1

namespace pm {

/* Returns the value of 'key' in 'map', or nullptr. */
template <typename Map>
const typename Map::mapped_type *
value_of(const Map &map, const typename Map::key_type &key)
{
    auto i = map.find(key);
    return i == map.end() ? nullptr : &i->second;
}

} // namespace pm

#endif /* PLUGIN_VALUE_OF_H */
