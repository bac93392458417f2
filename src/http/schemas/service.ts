import { z } from 'zod'
import { plain } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'

const ok = z.literal('ok').meta({ description: 'The process is alive.', examples: ['ok'] })

export const describeService = operation({
  id: 'service',
  tag: 'Service',
  summary: 'What this service is',
  description: 'A browser (`Accept: text/html`) gets the page.',
  answers: {
    200: {
      description: 'The service, or the page.',
      headers: ['Vary'],
      body: {
        'application/json': z.object({
          status: ok,
          service: z.string().meta({
            description: 'Its name.',
            examples: ['TeleStore Render Upload Service'],
          }),
          chunk_size: z.string().meta({
            description: 'The chunk that fits Telegram best.',
            examples: ['5MB'],
          }),
          endpoints: z.array(z.string()).meta({
            description: 'What can be called.',
            examples: [['POST /upload-chunk']],
          }),
          max_file_bytes: z
            .number()
            .int()
            .min(1)
            .meta({
              description: 'The largest file, in bytes.',
              examples: [2_097_152_000],
            }),
          tokens_begin_with: z
            .string()
            .meta({ description: 'In the demo: how every token begins.', examples: ['demo'] })
            .optional(),
        }),
        'text/html': plain('The page.', '<!doctype html>…'),
      },
    },
  },
})

export const health = operation({
  id: 'health',
  tag: 'Service',
  summary: 'Whether the process lives and may get the traffic',
  description:
    'For the host: it moves the traffic once this passes. Refused only while a new instance waits ' +
    'for the older one to let go of Telegram.',
  answers: {
    200: {
      description: 'It does.',
      body: z.object({
        status: ok,
        timestamp: z.string().meta({
          format: 'date-time',
          description: "The worker's clock.",
          examples: ['2025-11-04T10:00:00.000Z'],
        }),
      }),
    },
  },
  refusals: ['BUSY'],
})

export const healthz = operation({
  id: 'healthz',
  tag: 'Service',
  summary: 'Whether the process lives',
  description: 'Asks nothing of the disk, the backend or Telegram.',
  answers: {
    200: { description: 'It does.', body: { 'text/plain': plain('Always `ok`.', 'ok') } },
  },
})

const bytes = (description: string, example: number) =>
  z
    .number()
    .int()
    .min(0)
    .meta({ description, examples: [example] })
    .optional()

const Dependency = z
  .object({
    ready: z.boolean().meta({ description: 'Whether it can be worked with.', examples: [true] }),
    reason: z
      .string()
      .meta({ description: 'Why not, for an operator.', examples: ['does not answer'] })
      .optional(),
    retryAfter: z
      .number()
      .min(0)
      .meta({ description: 'Seconds after which it may be ready again.', examples: [17] })
      .optional(),
    reservedBytes: bytes('What unfinished uploads were promised.', 104_857_600),
    limitBytes: bytes('What may be promised in all.', 4_294_967_296),
    circuits: z
      .record(z.string(), z.enum(['closed', 'half-open', 'open']))
      .meta({
        description: 'Circuit breakers before it, by the name of the peer.',
        examples: [{ backend: 'closed' }],
      })
      .optional(),
  })
  .meta({ id: 'Dependency', description: 'How one thing that the worker needs is doing.' })

const Readiness = z.object({
  status: z.enum(['ready', 'not ready']).meta({
    description: 'Ready when all of them are.',
    examples: ['ready'],
  }),
  dependencies: z.record(z.string(), Dependency).meta({
    description: 'What the worker needs, by name.',
    examples: [{ spool: { ready: true }, telegram: { ready: true } }],
  }),
})

export const readyz = operation({
  id: 'readyz',
  tag: 'Service',
  summary: 'Whether it can work',
  description:
    'Names what it needs and how that is doing. For alarms; restarting mends none of it.',
  answers: {
    200: { description: 'It can.', body: Readiness, headers: ['Cache-Control'] },
    503: { description: 'It cannot.', body: Readiness, headers: ['Cache-Control', 'Retry-After'] },
  },
})
