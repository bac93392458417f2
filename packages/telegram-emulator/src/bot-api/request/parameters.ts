import { z } from 'zod'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotParameters, UploadedFile } from './request.ts'

/** A parameter's text; empty when it was left out. */
export const textOf = ({ fields }: BotParameters, name: string): string => fields[name] ?? ''

/** A file of the form: under the parameter's own name, or where its `attach://` points. */
export function attachedFile({ fields, files }: BotParameters, name: string): UploadedFile | null {
  const link = fields[name] ?? ''
  const place = link.startsWith('attach://') ? link.slice('attach://'.length) : name
  return files.get(place) ?? null
}

/** A parameter that is true or not, in any of the spellings that the Bot API takes. */
export const isSet = (parameters: BotParameters, name: string): boolean =>
  ['true', 'yes', '1'].includes(textOf(parameters, name).trim().toLowerCase())

/** A whole number; any other text is 0, as in the Bot API. */
export const numberOf = (parameters: BotParameters, name: string): number =>
  Number.parseInt(textOf(parameters, name), 10) || 0

/**
 * A parameter that is "JSON-serialized" in a form and plain in a JSON body; null when it was left
 * out. `what` is the Bot API's word for it in the refusal.
 */
export function jsonOf<Shape>(
  parameters: BotParameters,
  { name, shape, what }: { name: string; shape: z.ZodType<Shape>; what: string },
): Shape | null {
  const text = textOf(parameters, name)
  if (text === '') return null
  try {
    return shape.parse(JSON.parse(text))
  } catch {
    throw badBotRequest(`can't parse ${what} JSON object`)
  }
}

/** https://core.telegram.org/bots/api#replyparameters, as far as it is used. */
export const replyParameters = z.object({
  message_id: z.int(),
  allow_sending_without_reply: z.boolean().optional(),
})

/** https://core.telegram.org/bots/api#messageentity */
export const messageEntities = z.array(
  z.looseObject({ type: z.string(), offset: z.int(), length: z.int() }),
)

export type BotEntity = z.infer<typeof messageEntities>[number]
