// A backend on Debian's Ice for C++: does what JSON lines on its standard input ask, and answers each with one line (client.py says
// what). Arguments: the proxy, then Ice properties as Name=Value.

#include <Ice/Ice.h>
#include <Probe.h>
#include <Push.h>

#include <chrono>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

using nlohmann::json;
using Service = std::shared_ptr<Push::PushServicePrx>;
template <class T> using Optional = Ice::optional<T>;

namespace
{
template <class T> Optional<T> given(const json& args, size_t at)
{
    if (at >= args.size() || args[at].is_null())
    {
        return Ice::nullopt;
    }
    return args[at].get<T>();
}

template <class T> json plain(const Optional<T>& value) { return value ? json(*value) : json(nullptr); }

json plain(const Push::Accepted& told)
{
    json invalid = json::array();
    for (const auto& each : told.invalid)
    {
        invalid.push_back({{"value", each.value}, {"reason", each.reason}});
    }
    return {{"id", told.id}, {"seq", told.seq}, {"state", told.state}, {"expiresAtMs", told.expiresAtMs}, {"devices", told.devices},
            {"online", told.online}, {"replayed", told.replayed}, {"invalid", invalid}, {"extra", json(told.extra)}};
}

json plain(const Push::ServiceInfo& told)
{
    return {{"apiVersion", told.apiVersion}, {"serverVersion", told.serverVersion}, {"maxPayloadBytes", told.maxPayloadBytes},
            {"maxFrameBytes", told.maxFrameBytes}, {"maxTargets", told.maxTargets}, {"features", told.features},
            {"extra", json(told.extra)}};
}

json plain(const Push::MessageStatus& told)
{
    return {{"id", told.id}, {"seq", told.seq}, {"app", told.app}, {"state", told.state}, {"targets", told.targets},
            {"counts", json(told.counts)}, {"waiting", told.waiting}, {"waitingWhy", json(told.waitingWhy)}, {"lost", json(told.lost)},
            {"createdMs", told.createdMs}, {"expiresAtMs", told.expiresAtMs}, {"extra", json(told.extra)}};
}

json members(const Push::PushError& error)
{
    json told = {{"reason", error.reason}, {"text", error.text}, {"requestId", plain(error.requestId)}, {"extra", plain(error.extra)}};
    if (auto invalid = dynamic_cast<const Push::InvalidArgument*>(&error))
    {
        told["field"] = invalid->field;
    }
    else if (auto missing = dynamic_cast<const Push::NotFound*>(&error))
    {
        told["id"] = missing->id;
    }
    else if (auto large = dynamic_cast<const Push::TooLarge*>(&error))
    {
        told["maxBytes"] = large->maxBytes;
        told["actualBytes"] = large->actualBytes;
    }
    else if (auto busy = dynamic_cast<const Push::Busy*>(&error))
    {
        told["retryAfterMs"] = plain(busy->retryAfterMs);
    }
    return told;
}

json failure(const Ice::Exception& error)
{
    json told = {{"error", error.ice_id()}};
    if (auto raised = dynamic_cast<const Push::PushError*>(&error))
    {
        told["members"] = members(*raised);
    }
    else if (auto unknown = dynamic_cast<const Ice::UnknownException*>(&error))
    {
        told["text"] = unknown->unknown;
    }
    return told;
}

/** The optional parameters of whatever sends, which begin at `at`. */
struct Extras
{
    Extras(const json& args, size_t at)
        : ttl(given<int>(args, at)), id(given<std::string>(args, at + 1)), key(given<std::string>(args, at + 2)),
          name(given<std::string>(args, at + 3)), options(given<std::map<std::string, std::string>>(args, at + 4))
    {
    }

    Optional<int> ttl;
    Optional<std::string> id, key, name;
    Optional<Push::Attributes> options;
};

json call(const Service& push, const json& ask)
{
    const std::string op = ask["op"];
    const json args = ask.value("args", json::array());
    const auto strings = [&args] { return args[0].get<std::vector<std::string>>(); };
    if (op == "info") return plain(push->info());
    if (op == "status") return plain(push->status(args[0]));
    if (op == "online") return push->online(strings());
    if (op == "disconnect") return push->disconnect(args[0].get<std::string>());
    if (op == "recall")
    {
        push->recall(args[0]);
        return nullptr;
    }
    const Extras more(args, op == "broadcast" ? 1 : 2);
    if (op == "broadcast") return plain(push->broadcast(args[0], more.ttl, more.id, more.key, more.name, more.options));
    if (op == "send") return plain(push->send(args[0], args[1], more.ttl, more.id, more.key, more.name, more.options));
    if (op == "sendTopic") return plain(push->sendTopic(args[0], args[1], more.ttl, more.id, more.key, more.name, more.options));
    if (op == "sendMany") return plain(push->sendMany(strings(), args[1], more.ttl, more.id, more.key, more.name, more.options));
    if (op == "sendTokens") return plain(push->sendTokens(strings(), args[1], more.ttl, more.id, more.key, more.name, more.options));
    throw std::invalid_argument(op);
}

json probe(const Service& push, const json& ask)
{
    const auto probe = Ice::uncheckedCast<Push::ProbePrx>(push);
    const std::string op = ask["op"];
    const json args = ask.value("args", json::array());
    if (op == "disconnect") return probe->disconnect(args[0].get<std::string>());
    if (op == "recall") probe->recall(args[0]);
    if (op == "send") probe->send(args[0], args[1]);
    if (op == "broadcast") probe->broadcast();
    if (op == "nothing") probe->nothing();
    return nullptr;
}

std::vector<Push::Accepted> at_once(const Service& push, const json& ask, bool numbered)
{
    std::vector<std::future<Push::Accepted>> futures;
    for (int n = 0; n < ask["count"].get<int>(); n++)
    {
        const auto uid = ask["uid"].get<std::string>() + (numbered ? std::to_string(n) : "");
        futures.push_back(push->sendAsync(uid, std::to_string(n), Ice::nullopt, Ice::nullopt, Ice::nullopt, Ice::nullopt, Ice::nullopt));
    }
    std::vector<Push::Accepted> all;
    for (auto& future : futures)
    {
        all.push_back(future.get());
    }
    return all;
}

json many(const Service& push, const json& ask)
{
    json payloads = json::array();
    for (const auto& accepted : at_once(push, ask, true))
    {
        payloads.push_back(accepted.extra.at("payload"));
    }
    return payloads;
}

json flood(const Service& push, const json& ask)
{
    std::set<std::string> ids;
    for (const auto& accepted : at_once(push, ask, false))
    {
        ids.insert(accepted.id);
    }
    return ids.size();
}

json batch(const Service& push, const json& ask)
{
    const auto batched = Ice::uncheckedCast<Push::ProbePrx>(push->ice_batchOneway());
    for (int n = 0; n < ask["count"].get<int>(); n++)
    {
        batched->recall("m1");
    }
    batched->ice_flushBatchRequests();
    return nullptr;
}

json cast(const Service& push, const json&)
{
    return {{"as", Ice::checkedCast<Push::PushServicePrx>(push) != nullptr}, {"not", Ice::checkedCast<Push::PushListenerPrx>(push) == nullptr},
            {"ids", push->ice_ids()}, {"id", push->ice_id()}};
}

Push::Accepted sent(const Service& push, const std::string& uid, int n, const Optional<std::string>& id = Ice::nullopt)
{
    return push->send(uid, std::to_string(n), Ice::nullopt, id, Ice::nullopt, Ice::nullopt, Ice::nullopt);
}

json load(const Service& push, const json& ask)
{
    json failed = json::array();
    for (int n = 0; n < ask["count"].get<int>(); n++)
    {
        try
        {
            sent(push, "42", n);
            push->online({"on"});
        }
        catch (const Ice::Exception& error)
        {
            failed.push_back(failure(error));
        }
    }
    return failed;
}

/** Nothing: it was not answered, and is asked again. */
Optional<std::string> attempt(const Service& push, const json& ask, int n)
{
    try
    {
        return sent(push, ask["uid"], n, ask["key"].get<std::string>() + "-" + std::to_string(n)).id;
    }
    catch (const Push::Busy&)
    {
    }
    catch (const Ice::ConnectFailedException&)
    {
    }
    catch (const Ice::ConnectionLostException&)
    {
    }
    return Ice::nullopt;
}

json keyed(const Service& push, const json& ask)
{
    json ids = json::array();
    int repeats = 0;
    for (int n = 0; n < ask["count"].get<int>(); n++)
    {
        for (auto id = attempt(push, ask, n);; id = attempt(push, ask, n))
        {
            if (id)
            {
                ids.push_back(*id);
                break;
            }
            repeats++;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    return {{"ids", ids}, {"repeats", repeats}};
}

json keep(const Service& push, const json&)
{
    static Ice::ConnectionPtr kept;
    const auto connection = push->ice_getConnection();
    const bool same = connection == kept;
    kept = connection;
    return same;
}

const std::map<std::string, json (*)(const Service&, const json&)> ASKS = {
    {"call", call}, {"probe", probe}, {"many", many}, {"flood", flood}, {"batch", batch},
    {"cast", cast}, {"load", load},   {"keyed", keyed}, {"keep", keep}};

json answer(const Ice::CommunicatorPtr& communicator, const std::string& text, const json& ask)
{
    try
    {
        auto proxy = communicator->stringToProxy(ask.value("proxy", text));
        proxy = ask.value("oneway", false) ? proxy->ice_oneway() : proxy;
        proxy = ask.contains("context") ? proxy->ice_context(ask["context"].get<Ice::Context>()) : proxy;
        return {{"value", ASKS.at(ask["do"])(Ice::uncheckedCast<Push::PushServicePrx>(proxy), ask)}};
    }
    catch (const Ice::Exception& error)
    {
        return failure(error);
    }
}
}

int main(int, char* argv[])
{
    Ice::StringSeq words;
    for (char** each = argv + 2; *each; each++)
    {
        words.push_back(std::string("--") + *each);
    }
    const Ice::CommunicatorHolder communicator(words);
    for (std::string line; std::getline(std::cin, line);)
    {
        std::cout << answer(communicator.communicator(), argv[1], json::parse(line)).dump() << std::endl;
    }
}
