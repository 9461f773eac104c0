#include "plugin/appctl_trace.h"

#include "flows/frame_text.h"
#include "plugin/appctl.h"
#include "plugin/printable.h"

namespace pm {

TraceCommand::TraceCommand(const Agent *agent)
    : agent_(agent), vswitchd_("ovs-vswitchd")
{
    unixctl_command_register("mirror/trace", "TUNNEL in|out FLOW", 3, 3,
                             on_command, this);
}

TraceCommand::~TraceCommand()
{
    for (const Question &question : questions_) {
        unixctl_command_reply_error(question.conn, "the daemon ends");
    }
}

void
TraceCommand::on_command(struct unixctl_conn *conn, int, const char *argv[],
                         void *aux)
{
    static_cast<TraceCommand *>(aux)->ask(conn, argv[1], argv[2], argv[3]);
}

void
TraceCommand::ask(struct unixctl_conn *conn, const char *tunnel,
                  const char *direction, const char *flow)
{
    auto id = find_tunnel(conn, *agent_, tunnel);
    if (!id) {
        return;
    }
    auto towards = direction_of(direction);
    if (!towards) {
        unixctl_command_reply_error(
            conn, "the direction is in (received by the NIC) or out");
        return;
    }
    std::string error;
    auto parsed = parse_frame(flow, &error);
    if (!parsed) {
        unixctl_command_reply_error(conn, error.c_str());
        return;
    }
    Question question;
    question.conn = conn;
    question.tunnel = *id;
    question.direction = *towards;
    question.frame = {parsed->frame, parsed->tagged, parsed->flow};
    auto asked = trace_question(*id, *towards, question.frame,
                                agent_->desired(), agent_->actual());
    if (!asked) {
        answer(question, std::nullopt);
        return;
    }
    question.number = agent_->desired().status_of(*id)->number;
    question.ticket =
        vswitchd_.call("ofproto/trace", {asked->bridge, asked->flow()});
    questions_.push_back(question);
}

void
TraceCommand::run()
{
    vswitchd_.run();
    for (auto i = questions_.begin(); i != questions_.end();) {
        auto reply = vswitchd_.take(i->ticket);
        if (!reply) {
            ++i;
            continue;
        }
        if (reply->ok) {
            answer(*i, read_trace(reply->text, i->number));
        } else {
            std::string error = reply->lost
                                    ? "ovs-vswitchd does not answer; start it"
                                    : "ovs-vswitchd: " + reply->text;
            unixctl_command_reply_error(i->conn, error.c_str());
        }
        i = questions_.erase(i);
    }
}

void
TraceCommand::answer(const Question &question,
                     const std::optional<TraceAnswer> &switch_says)
{
    Circumstances circumstances{agent_->installed(question.tunnel),
                                agent_->paused()};
    std::string text =
        explain(question.tunnel, question.direction, question.frame,
                switch_says, agent_->desired(), circumstances);
    unixctl_command_reply(question.conn, escape_steering(text).c_str());
}

} // namespace pm
