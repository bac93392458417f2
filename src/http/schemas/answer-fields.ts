import { z } from 'zod'
import { MAX_NAME, UPLOAD_ID } from '../bodies/validation.ts'

export const success = z
  .boolean()
  .meta({ description: 'Whether the call has succeeded.', examples: [true] })
export const message = (example: string) =>
  z.string().meta({ description: 'A sentence for a person.', examples: [example] })
export const uploadIdOut = z
  .string()
  .regex(UPLOAD_ID)
  .meta({
    description: "The upload's id.",
    examples: ['1762700000000_k3j9x0a2b'],
  })
/** How many of something, or bytes. */
export const count = (description: string, example: number) =>
  z
    .number()
    .int()
    .min(0)
    .meta({ description, examples: [example] })
export const fileNameOut = (description: string) =>
  z
    .string()
    .min(1)
    .max(MAX_NAME)
    .meta({ description, examples: ['holiday.mp4'] })
export const plain = (description: string, example: string) =>
  z.string().meta({ description, examples: [example] })
export const fileBytes = (description: string) =>
  z
    .file()
    .min(1)
    .meta({ description, examples: ['(the bytes)'] })
/** Deployed clients send it; the worker does not read it. */
export const userId = z
  .unknown()
  .meta({ description: 'Not read: an upload belongs to the user of its token.', examples: ['7'] })
  .optional()
