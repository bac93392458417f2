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
    backend: z.string().meta({ description: 'What serves HTTP.', examples: ['fastify'] }),
    uptime_seconds: figure('Since the start.', 3600),
    active_sessions: figure('Uploads whose bytes still come.', 3),
    sealed_uploads: figure('Uploads that are whole and not in Telegram yet.', 1),
    jobs: z
      .object({
        running: figure('On their way into Telegram at this moment.', 1),
        waiting: figure('Waiting for their turn, or because Telegram asks for it.', 0),
      })
      .meta({ description: 'Transfers to Telegram.', examples: [{ running: 1, waiting: 0 }] }),
    uploads: figures(
      'Ended uploads by outcome: completed, failed, cancelled, expired or abandoned.',
      { completed: 12 },
    ),
    uploads_by_road: figures('The same by the road they took.', { 'bot-api': 9 }),
    downloads: figures('Bodies of downloads by how they ended.', { completed: 40, left: 2 }),
    downloads_by_road: figures('The same by the road they came.', { 'mtproto-user': 42 }),
    bytes: figures('Bytes of files, each way, at this door and at Telegram.', {
      received: 1_048_576,
      to_telegram: 1_048_576,
      from_telegram: 4_194_304,
      served: 4_194_304,
    }),
    transfer_failures: figures('Failed attempts by cause.', { TELEGRAM_UNAVAILABLE: 1 }),
    flood_wait_seconds: figure('What Telegram has asked to wait in all.', 17),
    spool: z
      .object({
        reserved_bytes: figure('Promised to unfinished uploads.', 104_857_600),
        limit_bytes: figure('What may be promised.', 4_294_967_296),
        free_bytes: z
          .number()
          .min(0)
          .nullable()
          .meta({
            description: 'What the disk has left; null where it does not say.',
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
    cache: z
      .object({
        bytes: figure('Held now.', 1_048_576),
        hits: figure('Blocks found there.', 120),
        misses: figure('Blocks asked of Telegram.', 40),
      })
      .meta({
        description: 'Blocks that downloads share.',
        examples: [{ bytes: 1_048_576, hits: 120, misses: 40 }],
      }),
    circuits: z
      .record(z.string(), z.string())
      .meta({ description: 'Circuit breakers by peer.', examples: [{ backend: 'closed' }] }),
    telegram_windows: figures('Requests in flight by data centre.', { '2': 8 }),
    memory_bytes: figure('Resident set.', 134_217_728),
  })
  .meta({ id: 'Figures', description: 'What the worker does, in figures.' })

export const showMetrics = operation({
  id: 'metrics',
  tag: 'Service',
  summary: 'What the worker does, in figures',
  description: "Prometheus' text where `Accept` asks for text/plain or OpenMetrics.",
  answers: {
    200: {
      description: 'The figures.',
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
