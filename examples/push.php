<?php
/**
 * The calls of GatewayClient from PHP, over HTTP.
 *
 *     KEFU_KEY=... php examples/push.php 42 "Your parcel has been sent"
 *
 * The key is one of business.api_keys in kefu.toml. KEFU_URL (http://127.0.0.1:8080) and
 * KEFU_SERVICE (servicer) say where.
 */

declare(strict_types=1);

final class KefuGateway
{
    private \CurlHandle $curl;

    public function __construct(
        private string $url,
        private string $key,
        private string $service = 'servicer',
    ) {
        $this->curl = curl_init(); // kept, so that all calls share one connection
    }

    /**
     * Make a call by its name, e.g. call('send_to_uid', ['uid' => '42', 'message' => [...]]).
     *
     * @throws RuntimeException with the code of the answer, below 0
     */
    public function call(string $name, array $arguments = []): mixed
    {
        $body = json_encode(['service' => $this->service] + $arguments, JSON_THROW_ON_ERROR);
        curl_setopt_array($this->curl, [
            CURLOPT_URL => "{$this->url}/gateway/$name",
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => [
                "Authorization: Bearer {$this->key}",
                'Content-Type: application/json',
            ],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 10,
        ]);
        $answer = curl_exec($this->curl);
        if ($answer === false) {
            throw new RuntimeException(curl_error($this->curl));
        }
        $answer = json_decode($answer, true, 512, JSON_THROW_ON_ERROR);
        if ($answer['code'] !== 0) {
            throw new RuntimeException($answer['message'], $answer['code']);
        }
        return $answer['data'];
    }
}

$gateway = new KefuGateway(
    getenv('KEFU_URL') ?: 'http://127.0.0.1:8080',
    (string) getenv('KEFU_KEY'),
    getenv('KEFU_SERVICE') ?: 'servicer',
);
try {
    $reached = $gateway->call('send_to_uid', [
        'uid' => $argv[1],
        'message' => ['type' => 'notice', 'data' => ['text' => $argv[2]]],
    ]);
    echo "reached $reached sockets\n";
} catch (RuntimeException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
