import { z } from 'zod'
import { plain } from './answer-fields.ts'
import { operation } from './openapi/operation.ts'

const ok = z.literal('ok').meta({ description: 'The process is alive.', examples: ['ok'] })

export const describeService = operation({
  id: 'service',
  tag: 'Service',
  summary: 'Describes the service',
  description: 'A browser (`Accept: text/html`) gets the web page.',
  answers: {
    200: {
      description: 'The description, or the page.',
      headers: ['Vary'],
      body: {
        'application/json': z.object({
          status: ok,
          service: z.string().meta({
            description: 'Name of the service.',
            examples: ['TeleStore Render Upload Service'],
          }),
          chunk_size: z.string().meta({
            description: 'Chunk size that fits Telegram best.',
            examples: ['5MB'],
          }),
          endpoints: z.array(z.string()).meta({
            description: 'All calls.',
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
          backend_list: z
            .literal(true)
            .meta({
              description:
                'In backend mode: the backend keeps a list of its own, which renames and deletes in the ' +
                'library do not reach.',
              examples: [true],
            })
            .optional(),
          tokens_begin_with: z
            .string()
            .meta({
              description: 'In embedded mode: the beginning of every token.',
              examples: ['demo'],
            })
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
  summary: 'Health check for the host',
  description:
    'A host moves its traffic to an instance once this check passes. It fails only while a new ' +
    'instance asks the older one to release Telegram.',
  answers: {
    200: {
      description: 'The process is alive.',
      body: z.object({
        status: ok,
        timestamp: z.string().meta({
          format: 'date-time',
          description: 'Time of the worker.',
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
  summary: 'Liveness check',
  description: 'The answer depends neither on the disk nor on the backend or Telegram.',
  answers: {
    200: {
      description: 'The process is alive.',
      body: { 'text/plain': plain('Always `ok`.', 'ok') },
    },
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
    ready: z.boolean().meta({ description: 'Whether it works.', examples: [true] }),
    reason: z
      .string()
      .meta({
        description: 'Why it does not work, for an operator.',
        examples: ['does not answer'],
      })
      .optional(),
    retryAfter: z
      .number()
      .min(0)
      .meta({ description: 'Seconds after which it may work again.', examples: [17] })
      .optional(),
    reservedBytes: bytes('Bytes that are reserved for unfinished uploads.', 104_857_600),
    limitBytes: bytes('Bytes that may be reserved in all.', 4_294_967_296),
    circuits: z
      .record(z.string(), z.enum(['closed', 'half-open', 'open']))
      .meta({
        description: 'States of its circuit breakers, by peer.',
        examples: [{ backend: 'closed' }],
      })
      .optional(),
  })
  .meta({ id: 'Dependency', description: 'State of one dependency of the worker.' })

const Readiness = z.object({
  status: z.enum(['ready', 'not ready']).meta({
    description: '`ready` when all dependencies are.',
    examples: ['ready'],
  }),
  dependencies: z.record(z.string(), Dependency).meta({
    description:
      'The dependencies, by name. `spool`: the disk. `backend`: in backend mode. `telegram`: its ' +
      'servers. `accounts`: whether Telegram lets accounts post. `capacity`: space that is reserved ' +
      'for uploads. `custody`: whether this instance, and no other one, may connect to Telegram.',
    examples: [{ spool: { ready: true }, telegram: { ready: true } }],
  }),
})

const NotReady = Readiness.meta({
  examples: [
    {
      status: 'not ready',
      dependencies: {
        spool: { ready: true },
        telegram: {
          ready: false,
          reason: 'does not answer',
          retryAfter: 17,
          circuits: { dc2: 'open' },
        },
      },
    },
  ],
})

export const readyz = operation({
  id: 'readyz',
  tag: 'Service',
  summary: 'Readiness check, with the state of every dependency',
  description: 'Meant for alarms. A restart repairs none of the dependencies.',
  answers: {
    200: { description: 'The worker is ready.', body: Readiness, headers: ['Cache-Control'] },
    503: {
      description: 'The worker is not ready.',
      body: NotReady,
      headers: ['Cache-Control', 'Retry-After'],
    },
  },
})
