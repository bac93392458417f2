import { Icon, type IconName } from './icon.tsx'

export interface ButtonProps {
  icon: IconName
  children: string
  onClick: () => void
  /** What it is for, when several buttons have the same words. */
  of?: string
  look?: 'main' | 'plain' | 'danger'
  /** The words are only heard, or shown where there is room. */
  words?: 'shown' | 'unseen' | 'with-room'
  disabled?: boolean
  /** -1 where the keyboard has another way. */
  tabIndex?: number
  /** For a button that shows and hides a part of the page. */
  isExpanded?: boolean
  /** Has the focus when its dialog opens. */
  autofocus?: boolean
}

export function Button(props: ButtonProps) {
  const { icon, children, onClick, of, look = 'plain', words = 'shown', disabled = false } = props
  const { autofocus, isExpanded, tabIndex } = props
  return (
    <button
      type="button"
      class={`button ${look} words-${words}`}
      title={words === 'shown' ? undefined : children}
      aria-label={of === undefined ? undefined : `${children}: ${of}`}
      aria-expanded={isExpanded}
      tabIndex={tabIndex}
      // It keeps the focus, which a browser takes from a button that is disabled.
      aria-disabled={disabled}
      data-autofocus={autofocus}
      onClick={disabled ? undefined : onClick}
    >
      <Icon name={icon} />
      <span class="button-words">{children}</span>
    </button>
  )
}
