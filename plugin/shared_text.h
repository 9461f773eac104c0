/* A text whose copies share what they hold (core).
 *
 * A value like any other, and never edited.  A tunnel's flows of both
 * directions have the same actions, of some 170 characters. */
#ifndef PLUGIN_SHARED_TEXT_H
#define PLUGIN_SHARED_TEXT_H 1

#include <compare>
#include <memory>
#include <string>
#include <utility>

namespace pm {

class SharedText {
public:
    SharedText() = default;
    SharedText(std::string text)
        : text_(text.empty()
                    ? nullptr
                    : std::make_shared<const std::string>(std::move(text)))
    {
    }
    SharedText(const char *text) : SharedText(std::string(text)) {}

    const std::string &str() const
    {
        static const std::string nothing;
        return text_ ? *text_ : nothing;
    }
    operator const std::string &() const { return str(); }

    bool operator==(const SharedText &other) const
    {
        return text_ == other.text_ || str() == other.str();
    }
    bool operator==(const char *other) const { return str() == other; }
    auto operator<=>(const SharedText &other) const
    {
        return str() <=> other.str();
    }

private:
    std::shared_ptr<const std::string> text_;
};

} // namespace pm

#endif /* PLUGIN_SHARED_TEXT_H */
