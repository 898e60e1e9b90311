;; A hook of other types than the contract's.
(component
  (core module $module (func (export "configure") (param i32)))
  (core instance $module (instantiate $module))
  (func $configure (param "config" u32) (canon lift (core func $module "configure")))
  (instance $policy (export "configure" (func $configure)))
  (export "outrigger:policy/policy@0.4.0" (instance $policy)))
