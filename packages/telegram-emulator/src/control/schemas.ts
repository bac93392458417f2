import { z } from 'zod'

export const effect = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    code: z.int(),
    message: z.string(),
    retryAfter: z.int().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('drop') }),
  z.strictObject({ kind: z.literal('silence') }),
  z.strictObject({ kind: z.literal('lose-answer') }),
  z.strictObject({ kind: z.literal('drop-after') }),
  z.strictObject({ kind: z.literal('latency'), ms: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('flip-byte'), at: z.int().nonnegative().exactOptional() }),
  z.strictObject({ kind: z.literal('html'), status: z.int() }),
])

export const faultRule = z.strictObject({
  method: z.string().min(1),
  effect,
  account: z.string().exactOptional(),
  dcId: z.int().exactOptional(),
  mediaOnly: z.boolean().exactOptional(),
  probability: z.number().min(0).max(1).exactOptional(),
  seed: z.int().exactOptional(),
  after: z.int().nonnegative().exactOptional(),
  times: z.int().positive().exactOptional(),
})

export const accountRequest = z.strictObject({
  label: z.string().min(1),
  withUser: z.boolean().exactOptional(),
  withBot: z.boolean().exactOptional(),
  premium: z.boolean().exactOptional(),
  freshSession: z.boolean().exactOptional(),
  channelPosition: z
    .strictObject({ dialogsBefore: z.int().min(0).max(1000), archived: z.boolean() })
    .exactOptional(),
})

const limit = z.int().positive().nullable().exactOptional()
const milliseconds = z.number().nonnegative()

export const settingsChange = z.strictObject({
  latencyMs: milliseconds.exactOptional(),
  bandwidthPerConnection: z.number().positive().nullable().exactOptional(),
  cutConnectionsEveryMs: z.number().positive().nullable().exactOptional(),
  fileReferenceTtlMs: milliseconds.exactOptional(),
  changeLogLength: z.int().positive().exactOptional(),
  pushUpdates: z.boolean().exactOptional(),
  partsTtlMs: milliseconds.exactOptional(),
  documentNameLength: z.int().positive().exactOptional(),
  repeatedRandomId: z.enum(['error', 'old-updates']).exactOptional(),
  serveByCdn: z.boolean().exactOptional(),
  documentsDcId: z.union([z.literal(2), z.literal(4)]).exactOptional(),
  strictSessions: z.boolean().exactOptional(),
  duplicateWindowMs: milliseconds.exactOptional(),
  duplicatedKey: z.enum(['unregistered', 'forgotten']).exactOptional(),
  deadMediaAddress: z.enum(['none', 'first', 'last']).exactOptional(),
  mediaAddresses: z.boolean().exactOptional(),
  botApiLocal: z.boolean().exactOptional(),
  botApiUploadLimit: z.int().positive().exactOptional(),
  botApiDownloadLimit: z.int().positive().exactOptional(),
  maxParts: z.int().positive().exactOptional(),
  maxPartsPremium: z.int().positive().exactOptional(),
  loginsPerHour: limit,
  postsPerSecond: limit,
  postsPerSecondPerChat: limit,
  postsPerMinutePerChat: limit,
  partsInFlightPerConnection: limit,
  partsInFlightPerAccount: limit,
  partsWaitSeconds: z.int().positive().exactOptional(),
})

export const action = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('expire-file-references') }),
  z.strictObject({
    action: z.literal('lose-parts'),
    fileId: z.string(),
    parts: z.array(z.int()).exactOptional(),
  }),
  z.strictObject({
    action: z.literal('revoke-key'),
    authKeyId: z.string(),
    how: z.enum(['unregister', 'forget']),
  }),
  z.strictObject({ action: z.literal('forget-random-ids') }),
  z.strictObject({ action: z.literal('cut-connections') }),
  z.strictObject({
    action: z.literal('migrate-documents'),
    dcId: z.union([z.literal(2), z.literal(4)]),
    documentId: z.string().exactOptional(),
  }),
  z.strictObject({
    action: z.literal('set-role'),
    channelId: z.string(),
    accountId: z.int(),
    role: z.enum(['admin', 'member']).nullable(),
    without: z.array(z.enum(['post', 'edit', 'delete'])).exactOptional(),
  }),
])
