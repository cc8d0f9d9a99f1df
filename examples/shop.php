<?php
/**
 * A shop's back end for kefu, at its smallest: the requests of docs/shop.md.
 *
 *     SHOP_KEY=... php -S 127.0.0.1:8000 examples/shop.php
 *
 * kefu then runs with shop.url = "http://127.0.0.1:8000/kefu", the same key as shop.key, and
 * servicer.token_url = "http://127.0.0.1:8000/kefu/token". What a shop asks its database for is
 * here read from shop.json. PHP 8 and nothing else.
 */

declare(strict_types=1);

const BASE = '/kefu';

$data = json_decode(file_get_contents(__DIR__ . '/shop.json'), true, 512, JSON_THROW_ON_ERROR);
$skus = array_column($data['skus'], null, 'sku_id');

function answer(mixed $value, int $status = 200): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($value, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
    exit;
}

/** Whether a text is part of a name. */
function holds(string $name, ?string $text): bool
{
    return (string) $text === '' || stripos($name, $text) !== false;
}

/** The page that is asked for, and how many rows there are. */
function page(array $rows): never
{
    $size = (int) $_GET['page_size'];
    $start = ((int) $_GET['page'] - 1) * $size;
    answer(['count' => count($rows), 'list' => array_slice($rows, $start, $size)]);
}

/** Those of the ids asked for that exist. */
function some(array $rows, string $name): never
{
    $ids = array_map('intval', explode(',', $_GET['ids']));
    answer(['list' => array_values(array_filter($rows, fn ($one) => in_array($one[$name], $ids)))]);
}

/** Skus of a site, by part of the name. */
function of_site(array $rows, int $site): array
{
    return array_values(array_filter($rows, fn ($one) => $one['site_id'] === $site
        && holds($one['sku_name'], $_GET['search_text'] ?? '')));
}

/** All orders of a member in a site, the latest first. */
function orders_of(array $orders, int $site, int $member): array
{
    $mine = array_filter($orders, fn ($order) => $order['site_id'] === $site
        && $order['member_id'] === $member);
    usort($mine, fn ($one, $other) => $other['create_time'] <=> $one['create_time']);
    return $mine;
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

// Whose a token is: what servicer.token_url asks.
if ($path === BASE . '/token') {
    $member_id = $data['tokens'][$_POST['token'] ?? ''] ?? 0;
    foreach ($data['members'] as $member) {
        if ($member['member_id'] === $member_id) {
            $names = array_intersect_key($member, array_flip(['member_id', 'nickname', 'headimg']));
            answer(['code' => 0, 'message' => '', 'data' => $names]);
        }
    }
    answer(['code' => -10009, 'message' => 'token is not good', 'data' => '']);
}

// The shop's data, for who has the key.
if (!hash_equals('Bearer ' . getenv('SHOP_KEY'), $_SERVER['HTTP_AUTHORIZATION'] ?? '')) {
    answer(['message' => 'the key is not good'], 401);
}

$pattern = '#^' . BASE . '/(?:sites/(\d+)(?:/members/(\d+))?/?)?(\w*)$#';
if (!preg_match($pattern, $path, $found)) {
    answer(['message' => 'no such path'], 404);
}
[, $site, $member, $what] = $found;
[$site, $member] = [(int) $site, (int) $member];

switch (($site ? 'site ' : '') . ($member ? 'member ' : '') . $what) {
    case 'site ':
        foreach ($data['sites'] as $one) {
            if ($one['site_id'] === $site) {
                answer($one);
            }
        }
        answer(['message' => 'no such site'], 404);
    case 'members':
        some($data['members'], 'member_id');
    case 'skus':
        some($data['skus'], 'sku_id');
    case 'orders':
        some($data['orders'], 'order_id');
    case 'site goods':
        page(array_values(array_filter($data['goods'], fn ($one) => $one['site_id'] === $site
            && holds($one['goods_name'], $_GET['search_text'] ?? '')
            && in_array($_GET['goods_state'] ?? null, [null, (string) $one['goods_state']], true)
            && in_array($_GET['goods_class'] ?? null, [null, (string) $one['goods_class']], true))));
    case 'site member browsed':
        $seen = array_filter($data['browsed'], fn ($one) => $one['member_id'] === $member);
        usort($seen, fn ($one, $other) => $other['browse_time'] <=> $one['browse_time']);
        page(of_site(array_map(fn ($one) => $one + $skus[$one['sku_id']], $seen), $site));
    case 'site member bought':
        $counts = [];
        foreach (orders_of($data['orders'], $site, $member) as $order) {
            foreach ($order['order_status'] > 0 ? $order['order_goods'] : [] as $line) {
                $counts[$line['sku_id']] = ($counts[$line['sku_id']] ?? 0) + $line['num'];
            }
        }
        $rows = [];
        foreach ($counts as $sku_id => $num) {
            $rows[] = ['num' => $num] + $skus[$sku_id];
        }
        page(of_site($rows, $site));
    case 'site member orders':
        $mine = orders_of($data['orders'], $site, $member);
        page(array_values(array_filter($mine, fn ($order) =>
            in_array($_GET['order_status'] ?? null, [null, (string) $order['order_status']], true)
            && holds($order['order_no'], $_GET['order_no'] ?? '')
            && (!isset($_GET['refunding'])
                || array_filter(array_column($order['order_goods'], 'refund_status_name')))
            && array_filter(array_column($order['order_goods'], 'sku_name'),
                fn ($name) => holds($name, $_GET['order_name'] ?? '')))));
    default:
        answer(['message' => 'no such path'], 404);
}
