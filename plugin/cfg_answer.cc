#include "plugin/cfg_answer.h"

#include <utility>

namespace pm {

namespace {

void
drop_said(std::set<Uuid> *awaited, const CfgAnswer::IsSaid &is_said)
{
    while (!awaited->empty() && is_said(*awaited->begin())) {
        awaited->erase(awaited->begin());
    }
}

} // namespace

bool
CfgAnswer::is_next(int64_t cfg) const
{
    return !answering_ && answered_ != cfg;
}

void
CfgAnswer::begin(int64_t cfg, std::set<Uuid> tunnels, std::set<Uuid> filters)
{
    answering_ = cfg;
    tunnels_ = std::move(tunnels);
    filters_ = std::move(filters);
}

bool
CfgAnswer::advance(const IsSaid &tunnel, const IsSaid &filter)
{
    if (!answering_) {
        return false;
    }
    drop_said(&tunnels_, tunnel);
    drop_said(&filters_, filter);
    if (!tunnels_.empty() || !filters_.empty()) {
        return false;
    }
    answered_ = std::exchange(answering_, std::nullopt);
    return true;
}

std::optional<int64_t>
CfgAnswer::to_tell(int64_t told, bool has_tunnels) const
{
    bool concerned = has_tunnels || (written_ && written_ != told);
    return concerned && answered_ != told ? answered_ : std::nullopt;
}

void
CfgAnswer::forget()
{
    *this = CfgAnswer();
}

void
CfgAnswer::lost_sight()
{
    answering_.reset();
    answered_.reset();
    read_.reset();
}

void
CfgAnswer::read(int64_t told)
{
    if (read_ && read_ == answered_ && told != *read_) {
        lost_sight();
    }
    read_ = told;
}

} // namespace pm
