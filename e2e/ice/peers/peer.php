<?php
// A backend on Debian's Ice for PHP: does what JSON lines on its standard input ask, and answers each with one line (client.py says
// what). Its calls are one after the other, as PHP's always are. Arguments: the proxy, then Ice properties as Name=Value.

// Ice for PHP 3.7 says by each of its classes how old it is.
error_reporting(E_ALL & ~E_DEPRECATED);

require_once 'Ice.php';
require_once 'Push.php';
require_once 'Probe.php';

const MEMBERS = ['reason', 'text', 'requestId', 'extra', 'field', 'id', 'maxBytes', 'actualBytes', 'retryAfterMs'];
const DICTIONARIES = ['extra', 'counts', 'waitingWhy', 'lost'];

/** JSON of what Slice's types hold. An empty dictionary is an array, too, so it is known by its name. */
function plain($value, $name = '')
{
    if ($value === Ice\None) {
        return null;
    }
    if (is_object($value)) {
        $value = get_object_vars($value);
        $told = [];
        foreach ($value as $key => $each) {
            $told[$key] = plain($each, $key);
        }
        return (object) $told;
    }
    if (is_array($value)) {
        $told = array_map('plain', $value);
        return in_array($name, DICTIONARIES, true) ? (object) $told : $told;
    }
    return $value;
}

function failure($error)
{
    $told = ['error' => $error->ice_id()];
    if ($error instanceof Push\PushError) {
        $told['members'] = [];
        foreach (MEMBERS as $name) {
            if (property_exists($error, $name)) {
                $told['members'][$name] = plain($error->$name, $name);
            }
        }
    }
    return property_exists($error, 'unknown') ? $told + ['text' => $error->unknown] : $told;
}

/** PHP's calls name every parameter. */
const COUNTS = ['broadcast' => 6, 'send' => 7, 'sendMany' => 7, 'sendTokens' => 7, 'sendTopic' => 7];

function given($op, $arguments)
{
    $arguments = array_pad($arguments, COUNTS[$op] ?? 0, null);
    return array_map(fn ($each) => $each === null ? Ice\None : $each, $arguments);
}

function send($proxy, $uid, $payload, $requestId = Ice\None)
{
    return $proxy->send($uid, $payload, Ice\None, $requestId, Ice\None, Ice\None, Ice\None);
}

function keyed($proxy, $ask)
{
    [$ids, $repeats] = [[], 0];
    for ($n = 0; $n < $ask['count']; $n++) {
        for ($attempt = 0; $attempt < 400; $attempt++) {
            try {
                $ids[] = send($proxy, $ask['uid'], (string) $n, "{$ask['key']}-$n")->id;
                break;
            } catch (Push\Busy | Ice\ConnectFailedException | Ice\ConnectionLostException $error) {
                $repeats++;
                usleep(50000);
            }
        }
    }
    return ['ids' => $ids, 'repeats' => $repeats];
}

function load($proxy, $ask)
{
    $failed = [];
    for ($n = 0; $n < $ask['count']; $n++) {
        try {
            send($proxy, '42', (string) $n);
            $proxy->online(['on']);
        } catch (Ice\Exception $error) {
            $failed[] = failure($error);
        }
    }
    return $failed;
}

function batch($proxy, $ask)
{
    $batched = Push\ProbePrxHelper::uncheckedCast($proxy->ice_batchOneway());
    for ($n = 0; $n < $ask['count']; $n++) {
        $batched->recall('m1');
    }
    $batched->ice_flushBatchRequests();
}

function cast($proxy)
{
    return ['as' => Push\PushServicePrxHelper::checkedCast($proxy) !== null, 'not' => Push\PushListenerPrxHelper::checkedCast($proxy) === null,
        'ids' => $proxy->ice_ids(), 'id' => $proxy->ice_id()];
}

function keep($proxy)
{
    static $kept = null;
    $connection = $proxy->ice_getConnection();
    $same = $kept !== null && $connection == $kept;
    $kept = $connection;
    return $same;
}

function done($proxy, $ask)
{
    switch ($ask['do']) {
        case 'call':
            return $proxy->{$ask['op']}(...given($ask['op'], $ask['args'] ?? []));
        case 'probe':
            return Push\ProbePrxHelper::uncheckedCast($proxy)->{$ask['op']}(...($ask['args'] ?? []));
        case 'many':
            return array_map(fn ($n) => send($proxy, $ask['uid'] . $n, (string) $n)->extra['payload'], range(0, $ask['count'] - 1));
        case 'flood':
            return count(array_unique(array_map(fn ($n) => send($proxy, $ask['uid'], (string) $n)->id, range(0, $ask['count'] - 1))));
        default:
            return $ask['do']($proxy, $ask);
    }
}

function answer($communicator, $text, $ask)
{
    try {
        $proxy = $communicator->stringToProxy($ask['proxy'] ?? $text);
        $proxy = ($ask['oneway'] ?? false) ? $proxy->ice_oneway() : $proxy;
        $proxy = isset($ask['context']) ? $proxy->ice_context($ask['context']) : $proxy;
        return ['value' => plain(done(Push\PushServicePrxHelper::uncheckedCast($proxy), $ask))];
    } catch (Ice\Exception $error) {
        return failure($error);
    }
}

$properties = Ice\createProperties(array_map(fn ($each) => "--$each", array_slice($argv, 2)));
$settings = new Ice\InitializationData();
$settings->properties = $properties;
$communicator = Ice\initialize($settings);
while (($line = fgets(STDIN)) !== false) {
    echo json_encode(answer($communicator, $argv[1], json_decode($line, true)), JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}
$communicator->destroy();
