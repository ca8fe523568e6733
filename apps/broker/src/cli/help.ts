/** Examples at the end of each command's `--help`, by the command's path after `genrocks`. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  '': ['genrocks serve', 'genrocks topic list', 'genrocks publish --help'],
  serve: ['genrocks serve', 'GENROCKS_HTTP_PORT=8080 genrocks serve --config broker.yaml'],
  topic: ['genrocks topic list', 'genrocks topic create --help'],
  'topic list': ['genrocks topic list', 'genrocks topic list --json | jq -r .name'],
  'topic create': [
    'genrocks topic create orders --partitions 4',
    'genrocks topic create audit --set log_type=halt --set max_no_bytes=50MB',
    'genrocks topic create payments --dedup-window-ms 60000',
  ],
  'topic describe': ['genrocks topic describe orders', 'genrocks topic describe orders --json'],
  'topic delete': ['genrocks topic delete orders --yes'],
  'topic truncate': ['genrocks topic truncate orders --yes'],
  'topic stop': ['genrocks topic stop orders'],
  'topic start': ['genrocks topic start orders'],
  'topic add-partitions': ['genrocks topic add-partitions orders 6'],
  publish: [
    `genrocks publish orders --key ada --value '{"amount":42}' --header source=shop`,
    'genrocks publish orders --file orders.jsonl --key-field customer',
    'genrocks consume orders --json | genrocks publish copy --file - --format messages',
  ],
  consume: [
    'genrocks consume orders --follow',
    'genrocks consume orders --from 2026-01-31T12:00:00Z --json',
    'genrocks consume orders --group billing --out orders.csv --columns offset,key,value.amount',
  ],
  group: ['genrocks group list', 'genrocks group reset --help'],
  'group list': ['genrocks group list', 'genrocks group list --json'],
  'group describe': ['genrocks group describe billing'],
  'group lag': ['genrocks group lag billing --max 1000'],
  'group reset': [
    'genrocks group reset billing --to earliest --dry-run',
    'genrocks group reset billing --to 2026-01-31T12:00:00Z --topic orders',
  ],
  'group commit': ['genrocks group commit billing orders/0=42 orders/1=7'],
  'group delete': ['genrocks group delete billing --yes'],
  'group dead-letters': ['genrocks group dead-letters billing orders.dlq --limit 10'],
  'group redrive': [
    'genrocks group redrive billing orders.dlq --dry-run',
    'genrocks group redrive billing orders.dlq --since 2026-01-31T12:00:00Z',
  ],
  log: ['genrocks log verify gen_rocks_data', 'genrocks log backup --help'],
  'log dump': [
    'genrocks log dump gen_rocks_data/orders/partition_0 --limit 10',
    'genrocks log dump gen_rocks_data/orders --messages | jq .value',
  ],
  'log verify': ['genrocks log verify gen_rocks_data'],
  'log repair': ['genrocks log repair gen_rocks_data/orders --dry-run'],
  'log import': ['genrocks log import old_data gen_rocks_data --state kv'],
  'log export': ['genrocks log export gen_rocks_data/orders/partition_0 erlang_log'],
  'log backup': ['genrocks log backup gen_rocks_data /backup/genrocks'],
  'log restore': ['genrocks log restore /backup/genrocks gen_rocks_data'],
  bench: ['genrocks bench --seconds 5 --size 256', 'genrocks bench --messages 100000 --json'],
  scram: ['printf %s "$PASSWORD" | genrocks scram --mechanism SCRAM-SHA-512'],
};

const EXIT_CODES =
  'Exit codes:\n' +
  '  0 done                          2 something in a log is damaged (log)\n' +
  '  1 refused or invalid            3 a retry may work (no broker, LOCKED, full)\n' +
  '  4 above --max (group lag)       130 ended by SIGINT or SIGTERM';

/** @param path path of the command, without `genrocks`: `topic create` */
export function helpAfter(path: string): string {
  const examples = EXAMPLES[path] ?? [];
  const parts = examples.length === 0 ? [] : [`Examples:\n${examples.map((one) => `  ${one}`).join('\n')}`];
  return `\n${[...parts, EXIT_CODES].join('\n\n')}`;
}
