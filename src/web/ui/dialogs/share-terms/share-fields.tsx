const DAY = 86_400
export const WEEK = 7 * DAY
const LIFETIMES = [
  { seconds: DAY, label: '1 day' },
  { seconds: WEEK, label: '7 days' },
  { seconds: 30 * DAY, label: '30 days' },
  { seconds: 365 * DAY, label: '1 year' },
] as const

export interface LifetimesProps {
  label: string
  /** In seconds; null: the share ends when it would have ended. */
  chosen: number | null
  /** Called for a share that may end when it would have ended. */
  onStay?: () => void
  onChoose: (seconds: number) => void
}

/** How long a link works, from now on. */
export function Lifetimes({ label, chosen, onStay, onChoose }: LifetimesProps) {
  return (
    <fieldset class="choices">
      <legend class="label">{label}</legend>
      {onStay && (
        <label class="choice">
          <input type="radio" name="lifetime" checked={chosen === null} onChange={onStay} />
          <span>As it is</span>
        </label>
      )}
      {LIFETIMES.map(({ seconds, label: words }) => (
        <label key={seconds} class="choice">
          <input
            type="radio"
            name="lifetime"
            checked={seconds === chosen}
            onChange={() => onChoose(seconds)}
          />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  )
}

export interface FieldProps {
  name: string
  label: string
  value?: string
  maxLength?: number
  isNumber?: boolean
}

/** None of the fields is needed. */
export function Field({ name, label, value = '', maxLength, isNumber = false }: FieldProps) {
  return (
    <label class="share-field">
      <span class="label">
        {label} <span class="dim small">(optional)</span>
      </span>
      <input
        class="field"
        name={name}
        defaultValue={value}
        type={isNumber ? 'number' : 'text'}
        min={isNumber ? 1 : undefined}
        max={isNumber ? 1_000_000 : undefined}
        maxLength={maxLength}
        autocomplete="off"
      />
    </label>
  )
}
