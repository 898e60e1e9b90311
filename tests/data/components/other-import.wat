;; Imports a function of the contract with other types than it has.
(component
  (import "outrigger:policy/clock@0.4.0" (instance (export "now-ms" (func (param "zone" string) (result u32)))))
  (core module $module (func (export "configure")))
  (core instance $module (instantiate $module))
  (func $configure (canon lift (core func $module "configure")))
  (instance $policy (export "configure" (func $configure)))
  (export "outrigger:policy/policy@0.4.0" (instance $policy)))
