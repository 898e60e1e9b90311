;; Imports what no policy can have.
(component
  (import "wasi:cli/environment@0.2.12" (instance))
  (core module $module (func (export "configure")))
  (core instance $module (instantiate $module))
  (func $configure (canon lift (core func $module "configure")))
  (instance $policy (export "configure" (func $configure)))
  (export "outrigger:policy/policy@0.4.0" (instance $policy)))
