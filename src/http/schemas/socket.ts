import { z } from 'zod'
import { TokenQuery } from '../bodies/validation.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'
import { Progress } from './progress.ts'

export const SocketParams = z.object({
  userId: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description: "The token's user, as the backend names them, or `me`.",
      examples: ['me'],
    }),
})

const timestamp = z.string().meta({
  format: 'date-time',
  description: 'When it was sent.',
  examples: ['2025-11-04T10:00:00.000Z'],
})
const type = (name: string) =>
  z.literal(name).meta({ description: 'What kind of message this is.', examples: [name] })

export const Ping = z
  .object({ type: type('ping') })
  .meta({ id: 'SocketPing', description: 'Asks whether the worker is there.' })

z.object({ type: type('pong'), timestamp }).meta({
  id: 'SocketPong',
  description: 'The answer to a ping.',
})

z.object({ type: type('upload_progress'), ...Progress.shape, timestamp }).meta({
  id: 'SocketProgress',
  description: 'How far one of the uploads is: at first of each, then at every change.',
})

z.object({
  type: type('upload_progress'),
  uploadId: Progress.shape.uploadId,
  status: type('cancelled'),
  timestamp,
}).meta({ id: 'SocketCancelled', description: 'An upload is gone.' })

export const watchUploads = operation({
  id: 'watchUploads',
  tag: 'Progress',
  summary: "All of a user's uploads, pushed over a WebSocket",
  description:
    'RFC 6455, version 13. Messages are JSON: `x-messages` names their schemas. At most one for ' +
    'every 250 ms and upload; a slow subscriber gets only the newest state. One that does not ' +
    'answer a ping of the protocol for 30 seconds is dropped, and one that sends more than 100 ' +
    'frames in ten seconds is closed with 1008.',
  auth: 'link',
  params: SocketParams,
  query: TokenQuery,
  answers: { 101: { description: 'The socket is open.' } },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'FORBIDDEN', 'NOT_FOUND', 'BUSY'],
  messages: {
    worker: ['SocketProgress', 'SocketCancelled', 'SocketPong'],
    client: ['SocketPing'],
  },
})
