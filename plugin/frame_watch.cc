#include "plugin/frame_watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "ovsdb/ovs_c.h"

namespace pm {

namespace {

constexpr uint32_t ETHERTYPE_V4 = 0x0800, ETHERTYPE_V6 = 0x86dd,
                   ETHERTYPE_TAG = 0x8100;
constexpr uint32_t UDP_PROTOCOL = 17, VXLAN = 4789, GENEVE = 6081;
/* From an outer Ethernet header to the one inside: Ethernet, IP, UDP, VXLAN
 * (or Geneve without options). */
constexpr uint32_t TO_INNER_V4 = 14 + 20 + 8 + 8,
                   TO_INNER_V6 = 14 + 40 + 8 + 8;
constexpr uint32_t WHOLE_FRAME = 0x40000;
/* More than all headers before the marked frame take, and its own. */
constexpr size_t HEADERS_MAX = 512;

/* A program of the kernel's classic packet filter, with names to jump to. */
class Program {
public:
    void op(int code, uint32_t k = 0)
    {
        code_.push_back({static_cast<uint16_t>(code), 0, 0, k});
    }
    void label(const std::string &name) { labels_[name] = code_.size(); }
    /* Goes to 'yes' where the accumulator is 'k', else on. */
    void if_equal(uint32_t k, const std::string &yes)
    {
        jumps_[code_.size()] = yes;
        op(BPF_JMP | BPF_JEQ | BPF_K, k);
    }
    void go(const std::string &to)
    {
        jumps_[code_.size()] = to;
        op(BPF_JMP | BPF_JA);
    }
    std::vector<sock_filter> finish()
    {
        for (const auto &[at, to] : jumps_) {
            auto distance = static_cast<uint32_t>(labels_.at(to) - at - 1);
            if (BPF_OP(code_[at].code) == BPF_JA) {
                code_[at].k = distance;
            } else {
                code_[at].jt = static_cast<uint8_t>(distance);
            }
        }
        return code_;
    }

private:
    std::vector<sock_filter> code_;
    std::map<std::string, size_t> labels_;
    std::map<size_t, std::string> jumps_;
};

/* With the index register at an Ethernet header (less its tags): moves it to
 * the header inside, or rejects what has none. */
void
descend(Program *p, const std::string &level)
{
    p->op(BPF_LD | BPF_H | BPF_IND, 12);
    p->if_equal(ETHERTYPE_V4, "v4" + level);
    p->if_equal(ETHERTYPE_V6, "v6" + level);
    p->go("reject");
    for (bool v6 : {false, true}) {
        const std::string self = (v6 ? "v6" : "v4") + level;
        const uint32_t protocol = v6 ? 20 : 23, port = v6 ? 56 : 36,
                       options = v6 ? 62 : 42;
        p->label(self);
        p->op(BPF_LD | BPF_B | BPF_IND, protocol);
        p->if_equal(UDP_PROTOCOL, self + "-udp");
        p->go("reject");
        p->label(self + "-udp");
        p->op(BPF_LD | BPF_H | BPF_IND, port);
        p->if_equal(VXLAN, self + "-vxlan");
        p->if_equal(GENEVE, self + "-geneve");
        p->go("reject");
        p->label(self + "-vxlan");
        p->op(BPF_LD | BPF_IMM, 0);
        p->go(self + "-inside");
        p->label(self + "-geneve");
        p->op(BPF_LD | BPF_B | BPF_IND, options);
        p->op(BPF_ALU | BPF_AND | BPF_K, 0x3f);
        p->op(BPF_ALU | BPF_LSH | BPF_K, 2);
        p->label(self + "-inside");
        p->op(BPF_ALU | BPF_ADD | BPF_K, v6 ? TO_INNER_V6 : TO_INNER_V4);
        p->op(BPF_ALU | BPF_ADD | BPF_X);
        p->op(BPF_MISC | BPF_TAX);
        p->go("inside" + level);
    }
    p->label("inside" + level);
}

/* Accepts where the index register is at a header that bears the mark, which
 * either address may: see probe_mac(), where two bytes that are always the
 * same come first. */
void
accept_mark(Program *p, uint32_t mark)
{
    for (uint32_t address : {0, 6}) {
        p->op(BPF_LD | BPF_W | BPF_IND, address + 2);
        p->if_equal(mark, "accept");
    }
}

std::vector<sock_filter>
filter_of(uint32_t mark)
{
    Program p;
    p.op(BPF_LD | BPF_H | BPF_ABS, 12);
    p.if_equal(ETHERTYPE_TAG, "tagged");
    p.op(BPF_LDX | BPF_IMM, 0);
    p.go("begin");
    p.label("tagged");
    p.op(BPF_LDX | BPF_IMM, 4);
    p.label("begin");
    descend(&p, "1");
    accept_mark(&p, mark);
    descend(&p, "2");
    accept_mark(&p, mark);
    p.label("reject");
    p.op(BPF_RET | BPF_K, 0);
    p.label("accept");
    p.op(BPF_RET | BPF_K, WHOLE_FRAME);
    return p.finish();
}

} // namespace

FrameWatch::~FrameWatch()
{
    if (fd_ >= 0) {
        close(fd_);
    }
}

FrameWatch::FrameWatch(FrameWatch &&other) noexcept
    : fd_(std::exchange(other.fd_, -1)), mark_(other.mark_)
{
}

FrameWatch &
FrameWatch::operator=(FrameWatch &&other) noexcept
{
    std::swap(fd_, other.fd_);
    std::swap(mark_, other.mark_);
    return *this;
}

std::optional<FrameWatch>
FrameWatch::open(uint32_t mark, std::string *error)
{
    /* Bound to nothing at first: no frame comes in before the filter. */
    FrameWatch watch(
        socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), mark);
    std::vector<sock_filter> code = filter_of(mark);
    sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    sockaddr_ll all{};
    all.sll_family = AF_PACKET;
    all.sll_protocol = htons(ETH_P_ALL);
    if (watch.fd_ < 0 ||
        setsockopt(watch.fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                   sizeof program) ||
        bind(watch.fd_, reinterpret_cast<sockaddr *>(&all), sizeof all)) {
        *error = ovs_strerror(errno);
        return std::nullopt;
    }
    return watch;
}

std::set<Sighting>
FrameWatch::take()
{
    std::set<Sighting> seen;
    for (;;) {
        char head[HEADERS_MAX];
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd_, head, sizeof head, MSG_TRUNC,
                             reinterpret_cast<sockaddr *>(&from), &size);
        if (n < 0) {
            return seen;
        }
        auto length = static_cast<size_t>(n);
        auto copy = read_copy({head, std::min(length, sizeof head)}, mark_);
        if (!copy) {
            continue;
        }
        char name[IF_NAMESIZE] = "";
        if_indextoname(static_cast<unsigned int>(from.sll_ifindex), name);
        seen.insert(
            {name, from.sll_pkttype == PACKET_OUTGOING, length, *copy});
    }
}

void
FrameWatch::wait() const
{
    poll_fd_wait(fd_, POLLIN);
}

} // namespace pm
