import { z } from 'zod'
import { plain } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'

const figure = (description: string, example: number) =>
  z
    .number()
    .min(0)
    .meta({ description, examples: [example] })
const figures = (description: string, example: Record<string, number>) =>
  z.record(z.string(), z.number().min(0)).meta({ description, examples: [example] })

const Figures = z
  .object({
    ok: z.boolean().meta({ description: 'Always true.', examples: [true] }),
    backend: z.string().meta({ description: 'The HTTP server.', examples: ['fastify'] }),
    uptime_seconds: figure('Seconds since the start.', 3600),
    active_sessions: figure('Uploads that are still receiving bytes.', 3),
    sealed_uploads: figure('Uploads that are complete and not in Telegram yet.', 1),
    jobs: z
      .object({
        running: figure('Transfers that run now.', 1),
        waiting: figure('Transfers that wait for their turn, or because Telegram asks for it.', 0),
      })
      .meta({ description: 'Transfers to Telegram.', examples: [{ running: 1, waiting: 0 }] }),
    uploads: figures(
      'Ended uploads by outcome: completed, failed, cancelled, expired or abandoned.',
      { completed: 12 },
    ),
    uploads_by_road: figures('Ended uploads by road.', { 'bot-api': 9 }),
    downloads: figures('Ended downloads by outcome.', { completed: 40, left: 2 }),
    downloads_by_road: figures('Ended downloads by road.', { 'mtproto-user': 42 }),
    archives: figures('Ended downloads of archives by outcome.', { completed: 3 }),
    bytes: figures('Bytes of files: from and to clients, from and to Telegram.', {
      received: 1_048_576,
      to_telegram: 1_048_576,
      from_telegram: 4_194_304,
      served: 4_194_304,
    }),
    transfer_failures: figures('Failed attempts of transfers, by error code.', {
      TELEGRAM_UNAVAILABLE: 1,
    }),
    flood_wait_seconds: figure('Seconds that Telegram has asked to wait, in all.', 17),
    spool: z
      .object({
        reserved_bytes: figure('Bytes that are reserved for unfinished uploads.', 104_857_600),
        limit_bytes: figure('Bytes that may be reserved.', 4_294_967_296),
        free_bytes: z
          .number()
          .min(0)
          .nullable()
          .meta({
            description: 'Free bytes of the disk; null if unknown.',
            examples: [8_589_934_592],
          }),
      })
      .meta({
        description: 'The disk for unfinished uploads.',
        examples: [
          {
            reserved_bytes: 0,
            limit_bytes: 4_294_967_296,
            free_bytes: 8_589_934_592,
          },
        ],
      }),
    chunks_held: z
      .object({
        requests: figure('Their number.', 2),
        bytes: figure('Bytes of these chunks, on the disk.', 10_485_760),
      })
      .meta({
        description: 'Requests whose chunk waits until Telegram has more of its file.',
        examples: [{ requests: 0, bytes: 0 }],
      }),
    volume_cleanups: figure(
      'Uploads that have ended, whose volumes are still to be deleted in their channels.',
      0,
    ),
    library: z
      .object({
        libraries: figure('Libraries: one for each user and channel.', 1),
        files: figure('Files in all libraries.', 1200),
      })
      .meta({
        description: 'What the worker knows of channels.',
        examples: [{ libraries: 1, files: 1200 }],
      }),
    open_shares: figure('Shares that have not ended.', 3),
    cache: z
      .object({
        bytes: figure('Bytes in the cache.', 1_048_576),
        hits: figure('Blocks that were found in the cache.', 120),
        misses: figure('Blocks that were fetched from Telegram.', 40),
      })
      .meta({
        description: 'The cache of blocks that downloads share.',
        examples: [{ bytes: 1_048_576, hits: 120, misses: 40 }],
      }),
    circuits: z.record(z.string(), z.string()).meta({
      description: 'States of the circuit breakers, by peer.',
      examples: [{ backend: 'closed' }],
    }),
    telegram_windows: figures('Requests to Telegram that may be in flight, by data centre.', {
      dc2: 8,
    }),
    memory_bytes: figure('Memory of the process in bytes (resident set).', 134_217_728),
  })
  .meta({ id: 'Figures', description: 'Metrics of the worker since its start.' })

export const showMetrics = operation({
  id: 'metrics',
  tag: 'Service',
  summary: 'Returns the metrics',
  description:
    "The format is JSON, or Prometheus' text where `Accept` asks for text/plain or OpenMetrics.",
  answers: {
    200: {
      description: 'The metrics.',
      headers: ['Vary', 'Cache-Control'],
      body: {
        'application/json': Figures,
        'text/plain': plain(
          "Prometheus' text, version 0.0.4.",
          '# TYPE telestore_uploads_total counter',
        ),
      },
    },
  },
})
